//! The guide goes with the program: its pages, made from the documents and compressed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cli")]
    guide()?;
    Ok(())
}

/// Writes `guide.gz`: of every file a line with its path and its length, then the file.
#[cfg(feature = "cli")]
fn guide() -> Result<(), Box<dyn Error>> {
    use std::{env, fs::File, io::Write as _, path::Path};

    println!("cargo::rerun-if-changed={}", portmaster_guide::FOLDER);
    let pages = portmaster_guide::book()?;
    let file = File::create(Path::new(&env::var("OUT_DIR")?).join("guide.gz"))?;
    let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::best());
    let pages = pages.iter().map(|page| (&*page.path, &*page.html));
    for (path, text) in pages.chain([("style.css", portmaster_guide::STYLE)]) {
        write!(out, "{path} {}\n{text}", text.len())?;
    }
    out.finish()?;
    Ok(())
}
