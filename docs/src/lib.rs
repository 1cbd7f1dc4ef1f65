//! Makes pages of HTML of the guide, an mdBook: `guide/src/SUMMARY.md` lists its chapters, which may include the other pages of
//! this folder. The simulator's build does it, so that its program has the pages and nothing of what makes them.

#![forbid(unsafe_code)]

mod error;
mod frame;
mod markdown;
mod source;
mod summary;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

pub use error::BookError;
pub use markdown::{Heading, headings, links, markup};

use source::Chapter;

/// The folder with the documents, the guide in it.
pub const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("style.css");

/// A page of the book.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is in the book, such as `tutorials/fuzz.html`.
    pub path: String,
    /// All of it.
    pub html: String,
}

/// All pages, in the order of the summary. The first is `index.html`.
///
/// # Errors
/// When a file of the book cannot be read, or the summary is none.
pub fn book() -> Result<Vec<Page>, BookError> {
    let chapters = source::read(&Path::new(FOLDER).join("guide/src"))?;
    let places = places(&chapters);
    let bodies: Vec<_> = chapters.iter().map(|chapter| markdown::body(chapter, &places)).collect();
    let page = |(at, chapter): (usize, &Chapter)| Page {
        path: chapter.path.clone(),
        html: frame::page(&chapters, at, &bodies[at]),
    };
    Ok(chapters.iter().enumerate().map(page).collect())
}

/// Where in the book each file is: the chapters themselves, and what they include.
fn places(chapters: &[Chapter]) -> HashMap<PathBuf, String> {
    let files = |chapter: &Chapter| {
        let included = chapter.parts.iter().map(|part| part.file.clone());
        included.chain([chapter.file.clone()]).map(|file| (file, chapter.path.clone())).collect::<Vec<_>>()
    };
    chapters.iter().flat_map(files).collect()
}
