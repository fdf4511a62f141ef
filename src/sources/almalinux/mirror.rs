//! A mirror's file: one mirror, and one more for each module that it has addresses for.
//!
//! | key | what becomes of it |
//! |---|---|
//! | `name` | the key; that of a module's mirror is `NAME-MODULE` |
//! | `address` | the URLs, http before https as in the original, then rsync and ftp |
//! | `address_optional` | the URLs of modules, where other folders than `address` hold the tree |
//! | `geolocation` | the place; a country's name becomes its code; without a country there is no place |
//! | `private`, `monopoly` | as they are; a private mirror without subnets and ASNs serves nobody: disabled |
//! | `asn`, `subnets` | networks whose clients use it; subnets behind a URL are not fetched |
//! | `cloud_type`, `cloud_regions` | only clients of its subnets and ASNs use it, as if it were private |
//! | `sponsor`, `sponsor_url`, `email` | sponsor and owner |
//! | `update_frequency`, `geolocation.continent` | nothing |
//!
//! A wrong item of a list, or an address or place that cannot be read, is reported and left out. A fault
//! in what a mirror is (its name, its addresses) or in what keeps it from clients (`private`, `monopoly`,
//! `cloud_type`, `cloud_regions`), in the key or in the value, costs the mirror: a private one must not
//! become public by a typing error.

use catalog::Report;
use model::asn;
use model::base_url::{BaseUrl, Redacted};
use model::mirror_key::MirrorName;
use model::net::{HostBits, Prefix};
use model::page_url::{is_contact, is_page_url};
use model::url::Protocol;

use super::config::Config;
use super::fault::{Fault, Problem};
use super::repositories::{CURRENT, carry, group_of_module};
use super::table::{Field, File, Table};
use super::yaml::{self, Document, Repeated};
use crate::declared::{Audience, Carries, Load, MaxShare, Mirror, MirrorPlace, Sponsor, Url};
use crate::geography::country_names::{self, Spelling};

/// The keys of addresses in the order of preference, each with its protocol.
const PROTOCOLS: [(&str, Protocol); 4] = [
    ("http", Protocol::Http),
    ("https", Protocol::Https),
    ("rsync", Protocol::Rsync),
    ("ftp", Protocol::Ftp),
];

/// The keys that keep a mirror from clients.
const GUARDING: [&str; 4] = ["private", "monopoly", "cloud_type", "cloud_regions"];

/// Reads a mirror's file: the mirror, and its modules as mirrors of their own.
pub(super) fn parse(
    bytes: &[u8],
    config: &Config,
    file: File<'_>,
    report: &mut Report,
) -> Result<Vec<Mirror>, Fault> {
    let Document { root, repeated } = yaml::parse(bytes)?;
    for Repeated { line, key, first } in &repeated {
        let value = format_args!("`{key}`, also in line {first}");
        report.mended(&file.origin(*line), "key that is there twice, the last one counts", value);
    }
    let known = [
        "config_version",
        "name",
        "address",
        "address_optional",
        "geolocation",
        "update_frequency",
        "sponsor",
        "sponsor_url",
        "email",
        "asn",
        "subnets",
        "private",
        "monopoly",
        "cloud_type",
        "cloud_regions",
    ];
    let table = Table::read_guarded(("", &root), &known, &GUARDING, file, report)?;
    let wanted = "write letters, digits, `.`, `_` and `-`, such as mirror.example.org";
    let field = table.get("name", wanted)?;
    let name = field.text(wanted)?;
    let key = MirrorName::parse(name).ok_or_else(|| field.fault(wanted))?;

    let wanted =
        "write protocols with base URLs, such as http: http://mirror.example.org/almalinux";
    let field = table.get("address", wanted)?;
    let urls = read_urls("address.", &field, file, report)?;
    check_protocols(&urls, config, &field)?;

    let asns = table.find("asn").map(|field| read_asns(&field, file, report)).unwrap_or_default();
    let networks = table.find("subnets").map(|field| read_subnets(&field, file, report));
    let networks = networks.unwrap_or_default();
    let flag = |key| table.find(key).map_or(Ok(false), |field: Field<'_>| field.flag());
    let (is_private, is_monopoly) = (flag("private")?, flag("monopoly")?);
    let cloud = read_cloud(&table, file, report)?;
    let has_networks = !asns.is_empty() || !networks.is_empty();
    let origin = file.origin(table.line());
    let disabled = match (&cloud, is_private) {
        _ if has_networks => None,
        (Some(cloud), _) => {
            Some(format!("cloud mirror of {cloud} without subnets, for nobody outside the cloud"))
        }
        (None, true) => Some("private, without subnets and ASNs".to_owned()),
        (None, false) => None,
    };
    if let Some(reason) = &disabled {
        report.skipped(
            &origin,
            "mirror that nobody may use, disabled",
            format_args!("{} {reason}", key.as_str()),
        );
    }
    if is_monopoly && !has_networks {
        report.skipped(
            &origin,
            "monopoly without subnets and ASNs has no effect, skipped",
            key.as_str(),
        );
    }
    report_unused(&table, file, report);
    let mirror = Mirror {
        origin,
        formerly: Vec::new(),
        sponsor: read_sponsor(&table, file, report),
        urls,
        ip_versions: Vec::new(),
        place: read_place(&table, &key, file, report),
        bandwidth: None,
        load: Load::default(),
        max_share: MaxShare::default(),
        asns,
        networks,
        private: is_private || cloud.is_some(),
        monopoly: is_monopoly && has_networks,
        audience: Audience::Everybody,
        carries: carry(CURRENT),
        disabled,
        owner: read_owner(&table, file, report),
        key,
    };
    let modules = match table.find("address_optional") {
        Some(field) => read_modules(&field, config, &mirror, file, report),
        None => Vec::new(),
    };
    Ok([vec![mirror], modules].concat())
}

/// Addresses of modules, as mirrors that carry these modules only.
fn read_modules(
    field: &Field<'_>,
    config: &Config,
    mirror: &Mirror,
    file: File<'_>,
    report: &mut Report,
) -> Vec<Mirror> {
    let wanted = "write modules with their addresses, such as kitten: {http: http://…}";
    let modules = match field.entries(wanted) {
        Ok(modules) => modules,
        Err(fault) => {
            skip(&fault, "address of modules, skipped", file, report);
            return Vec::new();
        }
    };
    let mut mirrors = Vec::new();
    for (entry, addresses) in modules {
        let origin = file.origin(entry.line);
        if !config.modules.iter().any(|module| module.name == entry.key) {
            let problem = "address of a module that config.yml does not name, skipped";
            report.skipped(&origin, problem, &entry.key);
            continue;
        }
        let path = format!("{}.", addresses.name);
        let urls = read_urls(&path, &addresses, file, report);
        let urls = urls.and_then(|urls| check_protocols(&urls, config, &addresses).map(|()| urls));
        let urls = match urls {
            Ok(urls) => urls,
            Err(fault) => {
                skip(&fault, "address of a module, skipped", file, report);
                continue;
            }
        };
        let name = format!("{}-{}", mirror.key.as_str(), entry.key);
        let Some(key) = MirrorName::parse(&name) else {
            report.skipped(&origin, "name that is too long with that of a module, skipped", name);
            continue;
        };
        let carries: Carries = carry(&group_of_module(&entry.key));
        mirrors.push(Mirror { origin, key, urls, carries, ..mirror.clone() });
    }
    mirrors
}

/// The URLs of `address`, each once.
fn read_urls(
    path: &str,
    field: &Field<'_>,
    file: File<'_>,
    report: &mut Report,
) -> Result<Vec<Url>, Fault> {
    let known = PROTOCOLS.map(|(key, _)| key);
    let table = Table::read((path, field.node), &known, file, report)?;
    let mut urls: Vec<Url> = Vec::new();
    for (key, protocol) in PROTOCOLS {
        let Some(field) = table.find(key) else { continue };
        let origin = file.origin(field.line());
        let text = match field.optional_text("write a base URL") {
            Ok(Some(text)) => text,
            // `rsync:` without a value.
            Ok(None) => continue,
            Err(fault) => {
                skip(&fault, "URL that cannot be listed, skipped", file, report);
                continue;
            }
        };
        // rsync's own notation, `host::module`, has no scheme.
        let is_short = protocol == Protocol::Rsync && !text.contains("://") && text.contains("::");
        let whole = if is_short { format!("rsync://{text}") } else { text.to_owned() };
        let url = match BaseUrl::parse(&whole) {
            Ok(url) => url,
            Err(reason) => {
                let value = format_args!("`{}` is {} and {reason}", field.name, Redacted(text));
                report.skipped(&origin, "URL that cannot be listed, skipped", value);
                continue;
            }
        };
        let shown = Redacted(text);
        if url.as_str() != text.trim_end_matches('/') {
            let value = format_args!("`{}` is {shown}, read as {}", field.name, url.as_str());
            report.mended(&origin, "URL in an odd form, mended", value);
        }
        if url.protocol() != protocol {
            let value = format_args!("`{}` is {shown}", field.name);
            report.mended(&origin, "URL under the key of another protocol, mended", value);
        }
        if let Some(same) = urls.iter().find(|known| known.url == url) {
            let value = format_args!("{} (first in {})", url.as_str(), same.origin);
            report.mended(&origin, "URL occurs twice, listed once", value);
            continue;
        }
        urls.push(Url { origin, url });
    }
    // A URL under another protocol's key stands where its own would.
    urls.sort_by_key(|url| {
        PROTOCOLS.iter().position(|&(_, protocol)| protocol == url.url.protocol())
    });
    Ok(urls)
}

/// A mirror has a URL of one of the protocols that `config.yml` requires.
fn check_protocols(urls: &[Url], config: &Config, field: &Field<'_>) -> Result<(), Fault> {
    let required = &config.required_protocols;
    if urls.iter().any(|url| required.contains(&url.url.protocol())) {
        return Ok(());
    }
    let names: Vec<&str> = required.iter().map(|protocol| protocol.as_str()).collect();
    let wanted = format!("write a URL for {}", names.join(" or "));
    let found = "without a usable URL of a required protocol";
    Err(Fault::kind(field.line(), &field.name, found, &wanted))
}

fn read_asns(field: &Field<'_>, file: File<'_>, report: &mut Report) -> Vec<u32> {
    let wanted = "write AS numbers, such as 64496 or [64496, 64511]";
    let items = match field.items(wanted) {
        Ok(items) => items.collect(),
        // One number without brackets.
        Err(_) => vec![field.clone()],
    };
    let mut asns = Vec::new();
    for item in items {
        let number = item.text(wanted).map(asn::parse);
        match number {
            Ok(Some(number)) if asn::is_of_one_system(number) => {
                if !asns.contains(&number) {
                    asns.push(number);
                }
            }
            _ => skip(&item.fault(wanted), "AS number that cannot be read, skipped", file, report),
        }
    }
    asns
}

fn read_subnets(field: &Field<'_>, file: File<'_>, report: &mut Report) -> Vec<Prefix> {
    let wanted = "write a list of networks, such as [192.0.2.0/24, \"2001:db8::/32\"]";
    let items = match (field.items(wanted), field.text(wanted)) {
        (Ok(items), _) => items,
        (Err(_), Ok(url)) if url.contains("://") => {
            let problem = "subnets behind a URL are not fetched, skipped";
            report.skipped(&file.origin(field.line()), problem, Redacted(url));
            return Vec::new();
        }
        (Err(fault), _) => {
            skip(&fault, "subnets that cannot be read, skipped", file, report);
            return Vec::new();
        }
    };
    let mut networks = Vec::new();
    for item in items {
        match item.text(wanted).map(Prefix::parse) {
            Ok(Ok((prefix, _))) if prefix.len() == 0 => {
                let fault = item.fault("a network of all addresses is for everybody, remove it");
                skip(&fault, "subnet that cannot be used, skipped", file, report);
            }
            Ok(Ok((prefix, host_bits))) => {
                if host_bits == HostBits::WereSet {
                    let value = format_args!("`{}` is read as {prefix}", item.name);
                    let problem = "subnet with bits behind its length, mended";
                    report.mended(&file.origin(item.line()), problem, value);
                }
                if !networks.contains(&prefix) {
                    networks.push(prefix);
                }
            }
            Ok(Err(_)) | Err(_) => {
                skip(&item.fault(wanted), "subnet that cannot be read, skipped", file, report);
            }
        }
    }
    networks
}

/// The cloud that a mirror is for, in words; `None` if it is for none.
fn read_cloud(
    table: &Table<'_>,
    file: File<'_>,
    report: &mut Report,
) -> Result<Option<String>, Fault> {
    let regions_field = table.find("cloud_regions");
    let regions = match &regions_field {
        Some(field) => {
            let wanted = "write a list of regions, such as [us-east-1]";
            let items = field.items(wanted)?.map(|item| item.text(wanted));
            items.collect::<Result<Vec<_>, _>>()?.join(", ")
        }
        None => String::new(),
    };
    let field = table.find("cloud_type");
    let cloud = match &field {
        Some(field) => field.optional_text("write a cloud, such as aws")?,
        None => None,
    };
    let (Some(field), Some(cloud)) = (field, cloud) else {
        let Some(field) = regions_field else { return Ok(None) };
        if !regions.is_empty() {
            // AlmaLinux's service lists it for everybody, but whoever names regions means nobody else.
            let wanted = "write the cloud of `cloud_regions`, such as aws, or remove these";
            let problem = Problem::Missing { key: "cloud_type".to_owned(), wanted };
            return Err(Fault { line: field.line(), problem });
        }
        let problem = "cloud_regions without cloud_type, skipped";
        report.skipped(&file.origin(field.line()), problem, "no region");
        return Ok(None);
    };
    let value = format_args!("{cloud}, regions: {regions}");
    let problem = "cloud_type: only clients of its subnets and ASNs get the mirror; the networks of the \
                   regions are not fetched";
    report.mended(&file.origin(field.line()), problem, value);
    Ok(Some(cloud.to_owned()))
}

fn read_place(
    table: &Table<'_>,
    key: &MirrorName,
    file: File<'_>,
    report: &mut Report,
) -> Option<MirrorPlace> {
    let problem =
        "mirror without a country, listed behind those of the client's country and continent";
    let Some(field) = table.find("geolocation") else {
        report.mended(&file.origin(table.line()), problem, key.as_str());
        return None;
    };
    let known = ["country", "state_province", "city", "continent"];
    let place = match Table::read(("geolocation.", field.node), &known, file, report) {
        Ok(place) => place,
        Err(fault) => {
            skip(&fault, "place that cannot be read, skipped", file, report);
            return None;
        }
    };
    if let Some(field) = place.find("continent") {
        let problem = "geolocation.continent: it follows from the country, skipped";
        let value = field.text("").unwrap_or("");
        report.skipped(&file.origin(field.line()), problem, value);
    }
    let state = read_text(&place, "state_province", file, report);
    let city = read_text(&place, "city", file, report);
    let Some(field) = place.find("country") else {
        report.mended(&file.origin(place.line()), problem, key.as_str());
        return None;
    };
    let wanted = "write its two letters, such as DE";
    let country = match field.text(wanted).map(country_names::read) {
        Ok(Some(Spelling::Code(country))) => country,
        Ok(Some(Spelling::Other(country))) => {
            let problem = "country that is not its usual code, mended";
            let found = field.text(wanted).unwrap_or("");
            let value = format_args!("`{}` is \"{found}\", read as {country}", field.name);
            report.mended(&file.origin(field.line()), problem, value);
            country
        }
        Ok(None) | Err(_) => {
            skip(&field.fault(wanted), "country that does not exist, skipped", file, report);
            return None;
        }
    };
    Some(MirrorPlace { country, state, city, coordinates: None })
}

fn read_sponsor(table: &Table<'_>, file: File<'_>, report: &mut Report) -> Option<Sponsor> {
    let url = read_text(table, "sponsor_url", file, report);
    let url = url.filter(|url| {
        let is_link = is_page_url(url);
        if !is_link && let Some(field) = table.find("sponsor_url") {
            let fault = field.fault("write a URL of http or https");
            skip(&fault, "sponsor's page that is no link, skipped", file, report);
        }
        is_link
    });
    let name = read_text(table, "sponsor", file, report)?;
    Some(Sponsor { name, url })
}

fn read_owner(table: &Table<'_>, file: File<'_>, report: &mut Report) -> Option<String> {
    let owner = read_text(table, "email", file, report)?;
    if is_contact(&owner) {
        return Some(owner);
    }
    if let Some(field) = table.find("email") {
        let fault = field.fault("write a mail address, or a URL of http or https");
        skip(&fault, "text that is no mail address, skipped", file, report);
    }
    None
}

/// A text that may be absent or empty; one that cannot be read is reported.
fn read_text(
    table: &Table<'_>,
    key: &'static str,
    file: File<'_>,
    report: &mut Report,
) -> Option<String> {
    match table.find(key)?.line_of_text("write a text of one line, at most 200 characters") {
        Ok(text) => text.map(str::to_owned),
        Err(fault) => {
            skip(&fault, "text that cannot be used, skipped", file, report);
            None
        }
    }
}

/// Reports keys that are known and mean nothing here.
fn report_unused(table: &Table<'_>, file: File<'_>, report: &mut Report) {
    if let Some(field) = table.find("update_frequency") {
        let problem = "update_frequency: mirrors are checked at intervals of our own, skipped";
        let value = field.text("").unwrap_or("");
        report.skipped(&file.origin(field.line()), problem, value);
    }
    if let Some(field) = table.find("config_version")
        && field.text("").ok() != Some("1")
    {
        let fault = field.fault("only version 1 of a mirror's file is known");
        let problem = "version of the file is not known, it is read like version 1";
        report.mended(&file.origin(fault.line), problem, fault);
    }
}

fn skip(fault: &Fault, problem: &'static str, file: File<'_>, report: &mut Report) {
    report.skipped(&file.origin(fault.line), problem, fault);
}
