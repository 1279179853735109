//! A scheduler for two threads that take turns.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// The main thread, which starts the other two and then waits for them.
const MAIN: usize = 0;
const THREADS: [usize; 2] = [1, 2];

/// Lets the first thread take some steps, then the other, and so on. The thread that has
/// the last turn runs to its end, and then the other does. Tries every number of steps in
/// each turn.
pub struct Switches {
    /// How many steps each turn has, except for the last.
    turns: Vec<usize>,
    /// The first turn in which a thread reached its end.
    ended_in: Option<usize>,
    /// The current turn, and the steps taken in it.
    now: (usize, usize),
}

impl Switches {
    /// Switches threads this many times.
    pub fn new(switches: usize) -> Self {
        let mut turns = vec![1; switches];
        // The first execution adds a step to this one.
        turns[switches - 1] = 0;
        Self { turns, ended_in: None, now: (0, 0) }
    }
}

impl Scheduler for Switches {
    fn new_execution(&mut self) -> Option<Schedule> {
        let last = self.turns.len() - 1;
        // More steps in that turn, or other numbers of steps in later ones, would only repeat
        // this schedule.
        let more = self.ended_in.take().map_or(Some(last), |turn| turn.checked_sub(1))?;
        self.turns[more] += 1;
        self.turns[more + 1..].fill(1);
        self.now = (0, 0);
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, ready: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        let find =
            |id: usize| ready.iter().map(|task| task.id()).find(|task| usize::from(*task) == id);
        if let Some(main) = find(MAIN) {
            return Some(main);
        }
        loop {
            let (turn, taken) = self.now;
            let thread = find(THREADS[turn % 2]);
            let other = find(THREADS[(turn + 1) % 2]);
            let Some(steps) = self.turns.get(turn) else { return thread.or(other) };
            if thread.is_none() {
                self.ended_in.get_or_insert(turn);
            }
            if thread.is_some() && taken < *steps {
                self.now.1 += 1;
                return thread;
            }
            self.now = (turn + 1, 0);
        }
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}
