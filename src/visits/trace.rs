//! Each step of a visit as a line, for whoever wants to read along.

use tokio::time::Instant;

/// Gets each step of a visit as a line of printable text, without its end.
pub trait Trace: Send {
    /// One step.
    fn line(&mut self, line: String);
}

/// Nobody reads along.
impl Trace for () {
    fn line(&mut self, _: String) {}
}

/// The lines are kept.
impl Trace for Vec<String> {
    fn line(&mut self, line: String) {
        self.push(line);
    }
}

/// Adds the time since the beginning of the visit.
pub(crate) fn step(trace: &mut dyn Trace, start: Instant, text: &str) {
    let seconds = start.elapsed().as_secs_f64();
    // Parts of it come from the mirror.
    trace.line(encode::terminal::printable(&format!("{seconds:8.3} s  {text}")));
}
