//! What the main router knows.

/// What a path leads to.
pub(super) enum Target {
    /// `/`, which leads to the user interface.
    Root,
    /// `/ui/modules/{name}` without its final slash.
    Module,
    /// A file of a user interface, by the bundle's name and the path in it.
    File(String, String),
    /// `/metrics`.
    Metrics,
    /// `/api/database/v1`.
    Database,
    /// Below `/api/v1/`.
    Endpoint,
}

impl Target {
    pub(super) fn of(path: &str) -> Option<Self> {
        let lower = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        let file = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
        if path == "/" {
            return Some(Self::Root);
        }
        if path == "/metrics" {
            return Some(Self::Metrics);
        }
        if path == "/api/database/v1" {
            return Some(Self::Database);
        }
        // As in the cores' patterns, a dot stands for anything but a line break.
        if path.strip_prefix("/api/v1/").is_some_and(|rest| !rest.is_empty() && !rest.contains('\n')) {
            return Some(Self::Endpoint);
        }
        if let Some(rest) = path.strip_prefix("/ui/modules/") {
            return match rest.split_once('/') {
                None => lower(rest).then_some(Self::Module),
                Some((name, rest)) => {
                    (lower(name) && file(rest)).then(|| Self::File(name.to_owned(), rest.to_owned()))
                }
            };
        }
        let asset = path.strip_prefix("/assets/").filter(|rest| !rest.is_empty() && file(rest));
        asset.map(|rest| Self::File("assets".to_owned(), rest.to_owned()))
    }
}
