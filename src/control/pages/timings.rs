//! The stages of an attempt, as rows with bars.

use super::display::{Shown, duration, percent};

/// The most stages that are shown of an attempt.
const MAX_STAGES: usize = 30;
/// The width of the drawing, in its own units.
const WIDTH: i64 = 200;

/// A stage as a row.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct StageRow {
    /// What was done.
    pub(super) name: Shown,
    /// How long.
    pub(super) took: String,
    /// Its part of the attempt, of hundred.
    pub(super) percent: String,
    /// Where its bar begins, of [`WIDTH`].
    pub(super) x: i64,
    /// How wide its bar is.
    pub(super) width: i64,
}

/// Reads the stages of an attempt as the store has them, `[["walk",1200],…]`. What cannot be read is left out.
pub(super) fn read(stages: &str) -> Vec<StageRow> {
    let stages: Vec<(String, i64)> = serde_json::from_str(stages).unwrap_or_default();
    let n_more = stages.len().saturating_sub(MAX_STAGES);
    let sum = |stages: &[(String, i64)]| {
        stages.iter().fold(0_i64, |sum, (_, took)| sum.saturating_add((*took).max(0)))
    };
    let total = sum(&stages);
    let (shown, more) = stages.split_at(stages.len().min(MAX_STAGES));
    let mut named: Vec<(Shown, i64)> =
        shown.iter().map(|(name, took)| (Shown::short(name), (*took).max(0))).collect();
    if n_more > 0 {
        named.push((Shown::line(&format!("{n_more} more")), sum(more)));
    }
    let mut before = 0_i64;
    let row = |(name, took): (Shown, i64)| {
        let x = scaled(before, total);
        before = before.saturating_add(took);
        let width = (scaled(before, total) - x).max(1);
        StageRow {
            name,
            took: duration(took),
            percent: match percent(took, total) {
                0 if took > 0 => "<\u{a0}1".to_owned(),
                n => n.to_string(),
            },
            x: x.min(WIDTH - 1),
            width,
        }
    };
    named.into_iter().map(row).collect()
}

fn scaled(part: i64, total: i64) -> i64 {
    let scaled = i128::from(part) * i128::from(WIDTH) / i128::from(total.max(1));
    i64::try_from(scaled).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_one_another() {
        let rows = read(r#"[["walk",1000],["hash",3000],["write",0]]"#);
        let bars: Vec<_> = rows.iter().map(|row| (&*row.percent, row.x, row.width)).collect();
        assert_eq!(bars, [("25", 0, 50), ("75", 50, 150), ("0", 199, 1)]);
        assert_eq!(rows[1].took.replace('\u{a0}', " "), "3.0 s");
    }

    #[test]
    fn whatever_the_store_says_there_are_few_rows() {
        for odd in ["", "{}", "[1]", "[[1,2]]", "null"] {
            assert_eq!(read(odd), [], "{odd}");
        }
        let many: Vec<_> = (0..1_000).map(|n| (format!("stage {n}"), i64::MAX)).collect();
        let rows = read(&serde_json::to_string(&many).unwrap());
        assert_eq!(rows.len(), MAX_STAGES + 1);
        assert!(rows.iter().all(|row| row.x + row.width <= WIDTH + 1 && row.width >= 1));
        assert_eq!(read(r#"[["a",-5]]"#)[0].took.replace('\u{a0}', " "), "0 ms");
    }
}
