//! Tests of reading tables of autonomous systems.

use super::*;

fn read(text: &[u8], report: &mut Report) -> AsNetworks {
    parse("n.txt", text, report).unwrap_or_default()
}

fn shown(table: &AsNetworks) -> Vec<String> {
    let numbers = |origin| {
        let mut all = Vec::new();
        let _: Option<()> = table.find_map(origin, |asn| {
            all.push(asn.to_string());
            None
        });
        if all.is_empty() { "nobody".to_owned() } else { all.join(" or ") }
    };
    table.networks.iter().map(|&(p, origin)| format!("{p} {}", numbers(origin))).collect()
}

#[test]
fn bad_lines_are_reported_and_nothing_else_is_lost() {
    let text = b"10.0.0.0/8 680\n\
        \n\
        10.1.0.0/16\n\
        10.2.0.1/16 None\n\
        10.3.0.0 1\n\
        ten/8 1\n\
        0.0.0.0/0 1\n\
        10.4.0.0/\xff 1\n\
        10.5.0.0/33 1\n\
        2001:db8::/32\tAS64500\r\n\
        2001:db8:1::/48 4294967295";
    let mut report = Report::default();
    let table = read(text, &mut report);
    assert_eq!(
        shown(&table),
        [
            "10.0.0.0/8 680",
            "10.2.0.0/16 nobody",
            "2001:db8::/32 64500",
            "2001:db8:1::/48 4294967295",
        ]
    );
    assert_eq!(
        report.lines(),
        [
            "n.txt:2: blank line, skipped: ",
            "n.txt:3: line without an ASN, skipped: 10.1.0.0/16",
            "n.txt:4: prefix with host bits set, cleared: 10.2.0.1/16 None",
            "n.txt:5: prefix without a length, skipped: 10.3.0.0 1",
            "n.txt:6: not a network prefix, skipped: ten/8 1 (and 1 more like it)",
            "n.txt:7: network of all addresses, skipped: 0.0.0.0/0 1",
            "n.txt:8: line is not UTF-8, skipped: 10.4.0.0/\u{fffd} 1",
        ]
    );
}

#[test]
fn the_column_is_read_however_it_is_written() {
    for (column, expected) in [
        ("64500", "64500"),
        ("AS64500", "64500"),
        ("as64500", "64500"),
        ("ASN64500", "64500"),
        ("\"64500\"", "64500"),
        ("'AS64500'", "64500"),
        ("0.64500", "64500"),
        ("1.10", "65546"),
        ("AS1.10", "65546"),
        ("65535.65535", "4294967295"),
        ("{64500}", "64500"),
        ("{64500,64501}", "64500 or 64501"),
        ("{64500, 64501}", "64500 or 64501"),
        ("{AS64500 AS64501}", "64500 or 64501"),
        ("[64500,64501]", "64500 or 64501"),
        ("64500_64501", "64500 or 64501"),
        ("64500,64501_64502", "64500 or 64501 or 64502"),
        ("64500_64500", "64500"),
        ("64500 Some network of ours", "64500"),
        ("64500|x", "64500"),
        ("{64500,23456}", "64500 (part left out)"),
        ("64500,x", "64500 (part left out)"),
        ("{64500,0}", "64500"),
        ("None", "nobody"),
        ("none", "nobody"),
        ("NA", "nobody"),
        ("N/A", "nobody"),
        ("NULL", "nobody"),
        ("-", "nobody"),
        ("0", "nobody"),
        ("AS0", "nobody"),
        ("0.0", "nobody"),
        ("23456", "skipped"),
        ("AS_TRANS", "skipped"),
        ("4294967296", "skipped"),
        ("0.65536", "skipped"),
        ("65536.0", "skipped"),
        ("1.2.3", "skipped"),
        ("-1", "skipped"),
        ("+1", "skipped"),
        ("1e3", "skipped"),
        ("EXAMPLE", "skipped"),
        ("AS", "skipped"),
        ("{}", "skipped"),
        ("{", "skipped"),
        ("", "skipped"),
        ("\"\"", "skipped"),
        ("ÄS64500", "skipped"),
    ] {
        let mut report = Report::default();
        let table = read(format!("10.0.0.0/8\t{column}\r\n").as_bytes(), &mut report);
        let lines = report.lines();
        let found = match (shown(&table).first(), &lines[..]) {
            (None, [line]) if line.contains("skipped: 10.0.0.0/8") => "skipped".to_owned(),
            (Some(network), []) => network.replace("10.0.0.0/8 ", ""),
            (Some(network), [line]) if line.contains("left out: ") => {
                network.replace("10.0.0.0/8 ", "") + " (part left out)"
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{column}");
    }
}

#[test]
fn lines_of_other_tools_are_read() {
    let text = "\u{feff}# made by hand\n\
        ; IP-ASN32-DAT file\n\
        % riswhois\n\
        1.0.0.0/24,13335,Example\n\
        1.0.1.0/24, AS13335, Example\n\
        1.0.2.0/24;13335\n\
        1.0.3.0/24|13335|x\n\
        \"1.0.4.0/24\",\"13335\"\n\
        1.0.5.0/24,\"{1,2}\",x\n\
        13335\t1.0.6.0/24\t380\n\
        AS13335 1.0.7.0/24\n\
        {1,2}\t1.0.8.0/24\t7\n\
        1.0.9.0\t24\t13335\n\
        1.0.10.0\t24\t1_2\n\
        2001:db8::\t32\t13335\n\
        \u{20}1.0.11.0/24   13335   x\n";
    let mut report = Report::default();
    let table = read(text.as_bytes(), &mut report);
    assert_eq!(report.lines(), [""; 0]);
    assert_eq!(
        shown(&table),
        [
            "1.0.0.0/24 13335",
            "1.0.1.0/24 13335",
            "1.0.2.0/24 13335",
            "1.0.3.0/24 13335",
            "1.0.4.0/24 13335",
            "1.0.5.0/24 1 or 2",
            "1.0.6.0/24 13335",
            "1.0.7.0/24 13335",
            "1.0.8.0/24 1 or 2",
            "1.0.9.0/24 13335",
            "1.0.10.0/24 1 or 2",
            "2001:db8::/32 13335",
            "1.0.11.0/24 13335",
        ]
    );
}

#[test]
fn a_line_without_end_costs_itself() {
    let mut text = vec![b'1'; 1 << 20];
    text.extend(b"\n10.0.0.0/8 680\n");
    let mut report = Report::default();
    let table = read(&text, &mut report);
    assert_eq!(shown(&table), ["10.0.0.0/8 680"]);
    let lines = report.lines();
    assert!(lines[0].starts_with("n.txt:1: line is longer than 4,096 bytes, skipped: 111"));
    assert!(lines[0].len() < 200 && lines.len() == 1, "{lines:?}");
}

#[test]
fn what_is_no_such_table_is_refused() {
    for (text, expected) in [
        ("", BadText::NoLine),
        ("# nothing\n", BadText::NoLine),
        ("1.0.0.0,1.0.0.255,AU\n", BadText::NoLine),
        ("network,country_code\n1.0.0.0/24,AU\n", BadText::NoColumn),
    ] {
        let error = parse("n.txt", text.as_bytes(), &mut Report::default()).err();
        assert_eq!(error, Some(expected), "{text}");
    }
}

#[test]
fn ranges_of_addresses_are_read_as_networks() {
    let text = "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n\
        1.0.1.0,1.0.3.255,AS64500\r\n\
        \"16778240\",\"16779263\",\"38803\",\"Gtelecom Pty Ltd\"\n\
        1.0.16.0\t1.0.16.255\t0\tNone\tNot routed\n\
        2001:200::,2001:200:1b9:ffff:ffff:ffff:ffff:ffff,2500,WIDE Project\n\
        42540528726795050063891204319802818560,42540528806023212578155541913346768895,2500,x\n\
        1.0.18.0,1.0.17.0,1\n\
        1.0.18.0,1.0.18.255,\n";
    let mut report = Report::default();
    let table = read(text.as_bytes(), &mut report);
    assert_eq!(
        shown(&table),
        [
            "1.0.0.0/24 13335",
            "1.0.1.0/24 64500",
            "1.0.2.0/23 64500",
            "1.0.4.0/22 38803",
            "1.0.16.0/24 nobody",
            "2001:200::/32 2500",
            "2001:200::/40 2500",
            "2001:200:100::/41 2500",
            "2001:200:180::/43 2500",
            "2001:200:1a0::/44 2500",
            "2001:200:1b0::/45 2500",
            "2001:200:1b8::/47 2500",
        ]
    );
    assert_eq!(
        report.lines(),
        [
            "n.txt:7: range that ends before it begins, skipped: 1.0.18.0,1.0.17.0,1",
            "n.txt:8: line without an ASN, skipped: 1.0.18.0,1.0.18.255,",
        ]
    );
}

/// By its longest prefix, of equal ones the last.
fn owner_of(table: &AsNetworks, address: &str) -> Option<Owner> {
    let address = address.parse().expect("an address");
    let around = table.networks.iter().filter(|(prefix, _)| prefix.contains(address));
    around.max_by_key(|(prefix, _)| prefix.len()).map(|(_, owner)| *owner)
}

#[test]
fn of_overlapping_ranges_the_narrower_counts() {
    let mut report = Report::default();
    for text in [
        "1.0.0.0,1.0.0.255,1\n1.0.0.128,1.0.2.255,2\n",
        "1.0.0.128,1.0.2.255,2\n1.0.0.0,1.0.0.255,1\n",
        "1.0.0.128,1.0.2.255,2\n1.0.0.0/24,1\n",
    ] {
        let table = read(text.as_bytes(), &mut report);
        assert_eq!(owner_of(&table, "1.0.0.200"), Some(Owner::As(1)), "{text}");
        assert_eq!(owner_of(&table, "1.0.1.0"), Some(Owner::As(2)), "{text}");
    }
    let problem = "range overlaps another in part, the narrower counts";
    let range = "1.0.0.128-1.0.2.255 (and 2 more like it)";
    assert_eq!(report.lines(), [format!("n.txt:2: {problem}: {range}")]);
    // A narrow range that is one of the prefixes of a wider one, which comes later.
    let text = "1.0.2.0,1.0.2.255,1\n1.0.0.0,1.0.2.255,2\n";
    let mut report = Report::default();
    let table = read(text.as_bytes(), &mut report);
    assert_eq!(owner_of(&table, "1.0.2.9"), Some(Owner::As(1)));
    assert_eq!(report.lines(), [""; 0]);
    let text = "1.0.2.0,1.0.2.255,1\n1.0.2.0,1.0.2.255,\"{2,3}\"\n1.0.2.0,1.0.2.255,2_3\n";
    read(text.as_bytes(), &mut report);
    assert_eq!(report.lines(), ["n.txt:2: range occurs twice, the last counts: 1.0.2.0-1.0.2.255"]);
}

#[test]
fn columns_may_have_names() {
    let text = "network,autonomous_system_number,autonomous_system_organization\n\
        1.0.0.0/24,13335,\"CLOUDFLARENET, x\"\n\
        # the end\n\
        1.0.1.0/24,,\n";
    let mut report = Report::default();
    let table = read(text.as_bytes(), &mut report);
    assert_eq!(shown(&table), ["1.0.0.0/24 13335"]);
    assert_eq!(report.lines(), ["n.txt:4: line without an ASN, skipped: 1.0.1.0/24,,"]);
    let text = "start_ip,end_ip,country,asn\n1.0.0.0,1.0.0.255,AU,AS13335\n";
    assert_eq!(shown(&read(text.as_bytes(), &mut report)), ["1.0.0.0/24 13335"]);
}
