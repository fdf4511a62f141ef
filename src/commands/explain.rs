//! `mirrorlistd explain`: why a client gets the list that it gets.
//!
//! A report is made here, from data that are loaded for it, or by a running server (`explain_running`). What is
//! printed is made from the report alone, so both are printed in the same way.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::SystemTime;

use serde_json::json;

use super::explain_running::{self, RunningError};
use super::output::{FAILURE, USAGE, complain, fail, finish};
use crate::cli::ExplainArgs;
use crate::config::Config;
use ::explain::{Audience, PackageManager, Question, Refused, Report, report, text};
use answer::requester::Requester;
use runtime::log;
use serve::http::socket::Address;
use serve::pages::explain_form::ExplainForm;

pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    match make(args) {
        Ok(outcome) => show(&outcome, args.json),
        Err((status, reason)) => fail(status, reason),
    }
}

/// Makes the report from the data of the options. Fails with an exit status and its reason.
fn make(args: &ExplainArgs) -> Result<Result<Report, Refused>, (u8, String)> {
    let (path, query) = Question::divide(&args.request);
    let requester = requester(args.ip, query).map_err(|reason| (USAGE, reason.to_owned()))?;
    if let Some(address) = &args.serve.options.admin.admin {
        return ask_running(args, address, path, query);
    }
    let config = Config::resolve(&args.serve.options, args.serve.file.config.as_deref())
        .map_err(|error| (USAGE, error.to_string()))?;
    log::install(config.log_level);
    if config.demo_stands_in {
        complain("mirrorlistd: warning: no data are given: these are the built-in demo data");
    }
    let loaded = config.source.load(None).map_err(|error| (FAILURE, error.to_string()))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let question = Question {
        path,
        query,
        host: args.host.as_deref().unwrap_or(""),
        requester,
        now: now.map_or(0, |now| now.as_secs()),
        audience: Audience::Operator,
        client: args.client,
        seed: args.seed,
    };
    Ok(report(&loaded.edition, &config.http.answer, &question))
}

/// Asks the server that has its admin listener at `address`.
fn ask_running(
    args: &ExplainArgs,
    address: &Address,
    path: &str,
    query: &str,
) -> Result<Result<Report, Refused>, (u8, String)> {
    let form = ExplainForm {
        ip: args.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        client: args.client.map(PackageManager::as_str).unwrap_or("").to_owned(),
        host: args.host.clone().unwrap_or_default(),
        request: if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") },
        seed: args.seed.to_string(),
        parameters: Vec::new(),
    };
    explain_running::ask(address, &form).map_err(|error| {
        let status = match error {
            RunningError::Question(_) | RunningError::TooLong(_) => USAGE,
            _ => FAILURE,
        };
        (status, error.to_string())
    })
}

/// Who asks: the client itself, or this host for the client in `ip=`.
fn requester(ip: Option<IpAddr>, query: &str) -> Result<Requester, &'static str> {
    let names_client = query
        .split('&')
        .any(|parameter| parameter.strip_prefix("ip=").is_some_and(|address| !address.is_empty()));
    match (ip, names_client) {
        (Some(_), true) => Err("the client is named twice: by --ip and by ip= in the request"),
        (Some(ip), false) => Ok(Requester::untrusted(ip)),
        (None, true) => Ok(Requester { address: Ipv4Addr::LOCALHOST.into(), is_trusted: true }),
        (None, false) => Err("no client is named: add --ip ADDRESS"),
    }
}

/// Prints a report, or why there is none.
fn show(outcome: &Result<Report, Refused>, as_json: bool) -> ExitCode {
    match outcome {
        Ok(report) if as_json => finish(format_args!("{:#}\n", json!(report))),
        Ok(report) => finish(text::render(report)),
        Err(refused) if as_json => {
            finish(format_args!("{:#}\n", json!({ "error": refused })));
            ExitCode::from(FAILURE)
        }
        Err(refused) => fail(FAILURE, refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_named_once() {
        let client: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
        let address =
            |ip, query| requester(ip, query).map(|requester| requester.address.to_string());
        assert_eq!(address(Some(client), "repo=a&arch=b"), Ok("192.0.2.1".into()));
        assert_eq!(address(Some(client), "repo=a&ip="), Ok("192.0.2.1".into()));
        assert_eq!(address(None, "repo=a&ip=192.0.2.1"), Ok("127.0.0.1".into()));
        assert!(address(Some(client), "ip=192.0.2.1").is_err());
        assert!(address(None, "repo=a&zip=1").is_err());
    }
}
