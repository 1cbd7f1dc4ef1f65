//! What a notification is in Go, for what reads one.

use crate::go::structure::{Structure, Type};

const ACTION: Structure = Structure {
    holder: "Action",
    name: "notifications.Action",
    fields: &[
        ("ID", Type::Text("string")),
        ("Text", Type::Text("string")),
        ("Type", Type::Text("notifications.ActionType")),
        ("Payload", Type::Any),
        ("Visibility", Type::Text("notifications.ActionVisibility")),
    ],
};

/// A notification as cores read it from clients and broadcasts.
pub const STRUCTURE: Structure = Structure {
    holder: "Notification",
    name: "notifications.Notification",
    fields: &[
        ("EventID", Type::Text("string")),
        ("GUID", Type::Text("string")),
        ("Type", Type::Byte("notifications.Type")),
        ("Title", Type::Text("string")),
        ("Category", Type::Text("string")),
        ("Message", Type::Text("string")),
        ("ShowOnSystem", Type::Bool),
        ("EventData", Type::Any),
        ("Expires", Type::Int("int64")),
        ("State", Type::Text("notifications.State")),
        ("AvailableActions", Type::List("[]*notifications.Action", &ACTION)),
        ("SelectedActionID", Type::Text("string")),
        ("lock", Type::Hidden("sync.Mutex")),
        ("actionFunction", Type::Hidden("notifications.NotificationActionFn")),
        ("actionTrigger", Type::Hidden("chan string")),
        ("expiredTrigger", Type::Hidden("chan struct {}")),
    ],
};
