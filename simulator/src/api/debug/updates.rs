//! What was downloaded, in debug reports.

use sha2::{Digest as _, Sha256};

use super::report::Report;
use crate::{go::table, world::World};

/// The resources in use and those that were chosen, as cores 1.1 to 1.6 list them.
pub(super) fn selection(world: &World, to: &mut Report) {
    let mut all: Vec<_> = world.resources.iter().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let used = all.iter().filter(|one| one.content.is_some());
    let mut text = "Active:".to_owned();
    for one in used.clone() {
        text += &format!("\n{}: {}", one.name, one.version);
    }
    text += "\n\nSelected:";
    for one in &all {
        text += &format!("\n{}: {}", one.name, one.version);
    }
    to.block(&format!("Updates: {} ({}/{})", world.release_channel(), used.count(), all.len()), &text);
}

/// The resources by index, as cores 2.0 to 2.2 list them.
pub(super) fn indexes(world: &World, to: &mut Report) {
    let start = world.clock.start().strftime("%Y-%m-%d %H:%M:%S +0000 UTC");
    let mut text = String::new();
    let index = |name: &str| if name.starts_with("intel") { "intel" } else { "binaries" };
    for (title, of) in [("Binaries", "binaries"), ("Intel", "intel")] {
        let newest =
            world.resources.iter().filter(|one| index(&one.name) == of).map(|one| &one.version).max();
        if let Some(version) = newest {
            text += &format!("{title} Index: v{version} from {start}\n");
        }
    }
    text += "\nFile    Version   Index   SHA256\n";
    let rows = world.resources.iter().map(|one| {
        let hash: String = one.content.as_deref().map(hash).unwrap_or_default();
        let name = one.name.rsplit('/').next().unwrap_or_default();
        format!("{name}\t{}\t{}\t{hash}", one.version, index(&one.name))
    });
    let rows: Vec<String> = rows.collect();
    if !rows.is_empty() {
        text += &format!("\n{}", table::align_to(&rows.join("\n"), 0));
    }
    to.block(&format!("Updates: {} ({})", world.release_channel(), rows.len()), &text);
}

fn hash(content: &str) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
