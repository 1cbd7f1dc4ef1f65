//! What the sorts of programs do, and how often.

/// Something that a program does again and again.
#[derive(Debug)]
pub(super) struct Habit {
    /// Seconds from one time to the next, in the middle and at an even pace.
    pub(super) every: u32,
    /// Whether it comes like clockwork.
    pub(super) regular: bool,
    /// How many connections it makes at least and at most.
    pub(super) connections: (u32, u32),
    /// Within how many seconds it makes them.
    pub(super) within: u32,
    /// What it connects to: places in the services of the program's role. None for somebody outside who connects here.
    pub(super) services: &'static [usize],
}

impl Habit {
    /// How many connections and DNS requests it makes in an hour.
    pub(super) fn hourly(&self) -> f64 {
        let (least, most) = self.connections;
        let rows = if self.services.is_empty() { 1.0 } else { f64::from(least + most) };
        rows * 3_600.0 / f64::from(self.every)
    }
}

const fn habit(every: u32, connections: (u32, u32), within: u32, services: &'static [usize]) -> Habit {
    Habit { every, regular: false, connections, within, services }
}

const fn clockwork(every: u32, services: &'static [usize]) -> Habit {
    Habit { regular: true, ..habit(every, (1, 1), 1, services) }
}

/// Somebody outside tries to connect.
const KNOCK: Habit = habit(1_500, (1, 1), 1, &[]);

/// Pages with all that belongs to them, a video now and then.
pub(super) const BROWSER: &[Habit] = &[
    habit(80, (3, 6), 6, &[0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    habit(420, (1, 1), 1, &[3]),
    KNOCK,
];

/// New mail is looked for every minute, and one connection hears of it at once.
pub(super) const MAIL: &[Habit] =
    &[clockwork(60, &[5]), clockwork(540, &[0]), habit(600, (1, 2), 8, &[1, 2, 3, 4])];

/// A connection stays open for messages; calls and pictures in between.
pub(super) const CHAT: &[Habit] =
    &[clockwork(700, &[0]), clockwork(1_100, &[3]), habit(300, (1, 3), 5, &[1, 1, 2])];

/// A stream after the other.
pub(super) const PLAYER: &[Habit] = &[
    habit(330, (1, 1), 1, &[0]),
    habit(400, (1, 3), 4, &[1, 2, 2, 4]),
    habit(1_800, (1, 1), 1, &[3]),
    KNOCK,
];

/// Packages and sources, now and then.
pub(super) const UPDATER: &[Habit] = &[habit(1_200, (1, 4), 10, &[0, 1, 2, 3, 4])];

/// The time of day, and what else runs unseen.
pub(super) const OTHER: &[Habit] =
    &[clockwork(1_024, &[3]), habit(700, (1, 2), 5, &[0, 1, 2, 4, 5, 6]), KNOCK];
