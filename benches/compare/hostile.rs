//! Valid requests of about 8 KB at most that try to be expensive.

use std::net::SocketAddr;

use testdata::countries::COUNTRIES;

use crate::Result;
use crate::ask::Connection;

/// A request as wrk takes it.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) target: String,
}

/// Room for the query in a target of 8,000 bytes, which is the server's limit.
const QUERY: usize = 7_900;

/// The candidates for a server with these requests.
pub(crate) fn candidates(
    address: SocketAddr,
    requests: &[(String, String)],
) -> Result<Vec<Candidate>> {
    let repository = largest_repository(address, requests)?;
    let client = usual_client(address, &repository, requests)?;
    let forwarded = format!("X-Forwarded-For: {client}");
    let from = |target: String, name| Candidate { name, headers: vec![forwarded.clone()], target };
    let fill = |piece: &str| piece.repeat(QUERY / piece.len());
    let countries = countries_without_mirrors();
    let protocols = ["http,https,rsync,ftp"; 4].join(",");
    let chain = format!("{forwarded},{}", ["127.0.0.1"; 775].join(","));
    let parameters = format!("&x={}", "y".repeat(250)).repeat(29);
    let other_headers = (0..60).map(|n| format!("X-Other-{n}: {}", "z".repeat(115)));
    let mut all = vec![
        from(format!("/metalink?{repository}&country=global"), "metalink of all mirrors"),
        from(format!("/mirrorlist?{repository}&country=global"), "mirrorlist of all mirrors"),
        from(
            format!("/mirrorlist?{repository}&country=global&protocol={protocols}"),
            "mirrorlist of all mirrors in 16 protocols",
        ),
        from(
            format!("/metalink?{repository}&country={countries}"),
            "metalink for 16 countries without mirrors, so their continents",
        ),
        from(format!("/metalink?{repository}{parameters}"), "32 parameters in 8 KB"),
        from(format!("/metalink?{repository}&country={}", fill("DE,")), "one country 2,600 times"),
        from(format!("/metalink?{repository}&protocol={}", fill("x")), "a protocol of 8 KB"),
        from(format!("/metalink?path={}", fill("%2F")), "path= of escaped slashes"),
        from(format!("/mirrorlist?path={}", fill("%C3%BC")), "path= of escaped letters"),
        from(format!("/metalink?path={}", fill("a//")), "path= of double slashes"),
        from(format!("/metalink?path={}", fill("a/b/")), "path= of deep folders"),
        from("/metalink?path=pub/epel".into(), "path= without a metalink"),
        from("/metalink?repo=x&arch=y".into(), "unknown repository, metalink"),
        from("/mirrorlist?repo=x&arch=y".into(), "unknown repository, mirrorlist"),
        from(
            format!("/metalink?arch=y&repo={}", fill("-")),
            "unknown repository of 8 KB of dashes",
        ),
        from(
            format!("/metalink?arch=y&repo={}", fill("%26")),
            "unknown repository of escaped ampersands",
        ),
        from(format!("/mirrorlist?{repository}&redirect&country=global"), "redirect"),
    ];
    all.push(Candidate {
        name: "X-Forwarded-For through 775 trusted proxies",
        headers: vec![chain.clone()],
        target: format!("/metalink?{repository}"),
    });
    all.push(Candidate {
        name: "metalink of all mirrors, through 775 trusted proxies",
        headers: vec![chain],
        target: format!("/metalink?{repository}&country=global"),
    });
    all.push(Candidate {
        name: "60 other headers of 130 bytes",
        headers: other_headers.chain([forwarded.clone()]).collect(),
        target: format!("/metalink?{repository}"),
    });
    Ok(all)
}

/// `repo=R&arch=A` of the repository with the largest answer.
fn largest_repository(address: SocketAddr, requests: &[(String, String)]) -> Result<String> {
    let mut queries: Vec<&str> =
        requests.iter().filter_map(|(target, _)| Some(target.split_once('?')?.1)).collect();
    queries.sort_unstable();
    queries.dedup();
    let mut connection = Connection::open(address)?;
    let mut largest = (0, "");
    for query in queries {
        let target = format!("/metalink?{query}&country=global");
        let answer = connection.ask(&target, "198.51.100.7")?;
        largest = largest.max((answer.body_bytes, query));
    }
    Ok(largest.1.to_owned())
}

/// The client whose answer from a repository is of middle size.
fn usual_client(
    address: SocketAddr,
    repository: &str,
    requests: &[(String, String)],
) -> Result<String> {
    let mut connection = Connection::open(address)?;
    let mut sized = Vec::new();
    for (_, client) in requests.iter().take(501) {
        let answer = connection.ask(&format!("/metalink?{repository}"), client)?;
        sized.push((answer.body_bytes, client));
    }
    sized.sort_unstable();
    let middle = sized.get(sized.len() / 2).ok_or("there are no requests")?;
    Ok(middle.1.clone())
}

/// Sixteen countries in which no mirror of the generated data stands, from all continents in turn.
fn countries_without_mirrors() -> String {
    let mut ranked = Vec::new();
    for continent in ["AF", "AS", "EU", "NA", "OC", "SA"] {
        let members = COUNTRIES.iter().filter(|country| country.continent == continent);
        let empty = members.filter(|country| country.host_weight == 0);
        ranked.extend(empty.enumerate().map(|(rank, country)| (rank, country.code)));
    }
    ranked.sort_unstable();
    ranked.iter().take(16).map(|&(_, code)| code).collect::<Vec<_>>().join(",")
}
