//! What depends on the system that the core runs on: paths, and how the system words things.

use portmaster_fixtures::scenario::{Platform, SelfCheck};

use super::World;

impl World {
    /// Whether the core runs on Windows.
    pub fn is_windows(&self) -> bool {
        self.core.platform == Platform::Windows
    }

    /// A user of the system by id, name and home: the one that programs run as.
    pub fn user(&self) -> (u32, &'static str, &'static str) {
        if self.is_windows() { (0, r"DESKTOP\user", r"C:\Users\user") } else { (1000, "user", "/home/user") }
    }

    /// How the system says that a file is not there.
    pub fn no_such_file(&self) -> &'static str {
        if self.is_windows() {
            "The system cannot find the file specified."
        } else {
            "no such file or directory"
        }
    }

    /// The user that the core itself runs as.
    pub fn superuser(&self) -> (u32, &'static str, &'static str) {
        if self.is_windows() {
            (0, r"NT AUTHORITY\SYSTEM", r"C:\Windows\System32\config\systemprofile")
        } else {
            (0, "root", "/root")
        }
    }

    /// The path of the core's own program.
    pub fn core_path(&self) -> &str {
        let usual = match self.core.platform {
            Platform::Linux => "/usr/lib/portmaster/portmaster-core",
            Platform::Windows => r"C:\Program Files\Portmaster\portmaster-core.exe",
        };
        self.client.authorized_root.as_deref().unwrap_or(usual)
    }

    /// What opening a file comes to that is not below the core's data.
    pub fn missing_file(&self, below: &[&str]) -> String {
        match self.core.platform {
            Platform::Linux => {
                format!("open /var/lib/portmaster/{}: {}", below.join("/"), self.no_such_file())
            }
            Platform::Windows => {
                let path = below.join("\\").replace('/', "\\");
                format!("open C:\\ProgramData\\Portmaster\\{path}: {}", self.no_such_file())
            }
        }
    }

    /// The message of a failed self-check (core-1.x §7.2); the checks after the first are reported by cores 0.7 to 1.6.
    pub fn self_check_error(&self) -> Option<String> {
        let seconds = self.behaviour.self_check_seconds;
        let (number, what, missing) = match self.core.self_check {
            SelfCheck::Passed => return None,
            SelfCheck::Failed => (1, "system", "packet"),
            SelfCheck::NoQuery => (2, "dns", "query"),
            SelfCheck::NoAnswer => (3, "dns", "response"),
        };
        Some(format!(
            "self-check #{number}: {what} integration check failed: did not receive test {missing} after {seconds}s"
        ))
    }
}

/// The name of a program's file, after the last slash of either kind.
pub fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
