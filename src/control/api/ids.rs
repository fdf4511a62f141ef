//! Numbers of tasks as clients write them.
//!
//! A number is written as it is, or in groups: `1234567`, `1-234-567`. Its last digits after a dash, `-567`,
//! stand for the one task that ends so. Digits without a dash are always a whole number: otherwise the number
//! of a task that was purged would come to mean another task.

use store::Error;
use store::operations::read::{Find, Found, List};
use store::record::{Task, TaskId, bounded};
use tasks::Tasks;

use super::reply::ApiError;

/// What a client has written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// A whole number.
    Whole(TaskId),
    /// Its last digits.
    Ending(String),
}

/// Reads a number of a task.
pub(super) fn parse(text: &str) -> Result<Written, ApiError> {
    let odd = || {
        let text = bounded(text, 60);
        ApiError::invalid(format!(
            "`{text}` is no number of a task: write 123456, 123-456, or its last digits as -456"
        ))
    };
    let (ending, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let groups_are_full = rest.split('-').skip(1).all(|group| group.len() == 3)
        && rest.split('-').next().is_some_and(|first| !first.is_empty());
    let digits = rest.replace('-', "");
    if !groups_are_full || !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.len() > 19 {
        return Err(odd());
    }
    match ending {
        true => Ok(Written::Ending(digits)),
        false => digits.parse().map(|id| Written::Whole(TaskId(id))).map_err(|_| odd()),
    }
}

/// The task that a client means.
pub(super) async fn resolve(tasks: &Tasks, text: &str) -> Result<TaskId, ApiError> {
    match parse(text)? {
        Written::Whole(id) => Ok(id),
        Written::Ending(digits) => match &*ending_with(tasks, &digits).await? {
            [task] => Ok(task.id),
            [] => Err(ApiError::not_found("task", text)),
            [one, other, ..] => {
                let message = format!(
                    "several tasks end with {digits}, such as {} and {}: write more digits",
                    other.id, one.id
                );
                Err(ApiError::invalid(message))
            }
        },
    }
}

/// The task under a number, which a client has written as `text`.
pub(super) async fn find(tasks: &Tasks, text: &str) -> Result<Task, ApiError> {
    let id = resolve(tasks, text).await?;
    match tasks.store().run(Find(id)).await? {
        Found::Task(task) => Ok(*task),
        missing => Err(missing_task(tasks, id, &missing).await),
    }
}

/// The error for a number without a task, with the task that was probably meant.
pub(super) async fn missing_task(tasks: &Tasks, id: TaskId, found: &Found) -> ApiError {
    let error = match found {
        Found::Purged => ApiError::purged(id),
        Found::Task(_) | Found::Unknown => ApiError::unknown(id),
    };
    match ending_with(tasks, &id.0.to_string()).await.as_deref() {
        Ok([meant]) => ApiError {
            message: format!(
                "{}; for {} by its last digits, write -{}",
                error.message, meant.id, id.0
            ),
            ..error
        },
        _ => error,
    }
}

async fn ending_with(tasks: &Tasks, digits: &str) -> Result<Vec<Task>, Error> {
    let list = List { suffix: Some(digits.to_owned()), limit: 2, ..List::default() };
    tasks.store().run(list).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form() {
        let whole = |id| Ok(Written::Whole(TaskId(id)));
        assert_eq!(parse("7"), whole(7));
        assert_eq!(parse("1234567"), whole(1_234_567));
        assert_eq!(parse("1-234-567"), whole(1_234_567));
        assert_eq!(parse("9223372036854775807"), whole(i64::MAX));
        assert_eq!(parse("-567"), Ok(Written::Ending("567".into())));
        assert_eq!(parse("-4-567"), Ok(Written::Ending("4567".into())));
        assert_eq!(parse("-067"), Ok(Written::Ending("067".into())));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for odd in [
            "",
            "-",
            "--7",
            "7-",
            "1-2",
            "1-2345",
            "a",
            "1a",
            "٣",
            "9223372036854775808",
            "99999999999999999999",
            "-99999999999999999999",
            "1 2",
            "+7",
            "7.0",
            "%",
        ] {
            let error = parse(odd).expect_err(odd);
            assert!(error.message.starts_with(&format!("`{odd}` is no number")), "{odd}");
        }
    }
}
