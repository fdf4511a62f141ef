//! Pages in a real browser: nothing hinders anybody, nothing is fetched, and forms work without scripts.
//!
//! With `PAGES_PICTURES=FOLDER` in the environment, each page leaves pictures there.

use std::path::PathBuf;

use store::operations::read::{Find, Found};
use store::record::{State, TaskId};

use crate::asking::TOKEN;
use crate::axe;
use crate::chromium::Browser;
use crate::mirrors::{self, hostile, small};
use crate::samples::World;
use crate::site::Site;

tests! {
    axe_finds_no_fault_in_any_page_narrow_and_wide_light_and_dark,
    axe_finds_faults_that_are_planted,
    no_page_is_wider_than_a_phone,
    the_keyboard_reaches_everything_in_order_and_shows_where_it_is,
    a_browser_fetches_nothing_but_the_page,
    forms_work_without_scripts_and_with_the_keyboard_alone,
    a_page_loads_itself_again_if_asked_to,
}

/// Pages of a busy site, and what their pictures are called.
const BUSY: [(&str, &str); 11] = [
    ("overview", "/tasks?done=paused"),
    ("overview_refreshing", "/tasks?refresh=30"),
    ("list", "/tasks/list"),
    ("list_filtered", "/tasks/list?state=failed&queue=net"),
    ("task_completed", "/tasks/1"),
    ("task_failed", "/tasks/3"),
    ("task_waiting", "/tasks/4"),
    ("task_running", "/tasks/7"),
    ("schedules", "/tasks/schedules"),
    ("nodes", "/tasks/nodes"),
    ("run", "/tasks/run?kind=primary.scan"),
];
/// Pages of a site on which nothing has happened.
const NEW: [(&str, &str); 5] = [
    ("new_overview", "/tasks"),
    ("new_list", "/tasks/list"),
    ("new_list_bad", "/tasks/list?state=odd"),
    ("new_run", "/tasks/run"),
    ("new_missing", "/tasks/77"),
];
/// Pages of a site on which long words and texts have no place to break.
const CRAMPED: [(&str, &str); 4] = [
    ("cramped_overview", "/tasks"),
    ("cramped_list", "/tasks/list?text=x"),
    ("cramped_task", "/tasks/9"),
    ("cramped_schedules", "/tasks/schedules"),
];

/// Pages of mirrors.
const MIRRORS: [(&str, &str); 7] = [
    ("mirrors", "/mirrors"),
    ("mirrors_filtered", "/mirrors?country=DE&protocol=https"),
    ("mirror_good", "/mirror/berlin"),
    ("mirror_behind", "/mirror/campus"),
    ("mirror_missing", "/mirror/odd"),
    ("propagation", "/propagation"),
    ("propagation_one", "/propagation/9/x86_64/os"),
];
/// Pages of mirrors with long and foreign names.
const HOSTILE: [(&str, &str); 4] = [
    ("hostile_mirrors", "/mirrors"),
    ("hostile_mirror", "/mirror/berlin"),
    ("hostile_mirror_long", "/mirror/campus"),
    ("hostile_propagation", "/propagation"),
];

/// What the pages of a site need no patience for.
const OPEN_DETAILS: &str = "document.querySelectorAll('details').forEach(one => one.open = true)";

/// Calls `look` with each page, loaded in each dress.
fn each_page(dresses: &[(u32, &str)], mut look: impl FnMut(&mut Browser, &Site, &str, &str)) {
    let mut browser = Browser::start();
    for (world, mirrors, pages) in [
        (World::busy(), small(), &BUSY[..]),
        (World::new(), small(), &NEW[..]),
        (cramped(), small(), &CRAMPED[..]),
        (World::unused(), small(), &MIRRORS[..]),
        (World::unused(), hostile(), &HOSTILE[..]),
    ] {
        let site = Site::with_mirrors(world, mirrors::pages(mirrors));
        for (name, target) in pages {
            for (width, scheme) in dresses {
                browser.dress(*width, scheme);
                browser.open(&site.url(target));
                look(&mut browser, &site, target, &format!("{name}_{width}_{scheme}"));
            }
        }
    }
}

fn cramped() -> World {
    let world = World::busy();
    let long = "x".repeat(300);
    let args = serde_json::json!({ "root": long, &*long: "x", "nested": { "a": [long] } });
    let id = world.ask("primary.scan", "cpu", &long, &args.to_string());
    assert_eq!(id, TaskId(9));
    for (what, name) in [
        (store::operations::people::Pausable::Queue, "cpu"),
        (store::operations::people::Pausable::Schedule, "scan"),
    ] {
        world.run(store::operations::people::Pause {
            what,
            name: name.into(),
            actor: long.clone(),
            reason: long.clone(),
        });
    }
    world
}

fn axe_finds_no_fault_in_any_page_narrow_and_wide_light_and_dark() {
    let script = axe::script();
    let dresses = [(320, "light"), (320, "dark"), (1280, "light"), (1280, "dark")];
    let mut faults = Vec::new();
    each_page(&dresses, |browser, _, target, name| {
        browser.eval(OPEN_DETAILS);
        keep_picture(browser, name);
        let found = find_faults(browser, script);
        faults.extend(found.into_iter().map(|fault| format!("{name} ({target}): {fault}")));
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn axe_finds_faults_that_are_planted() {
    let script = axe::script();
    let site = Site::start(World::busy());
    let mut browser = Browser::start();
    browser.dress(1280, "light");
    browser.open(&site.url("/tasks"));
    browser.eval(
        "document.querySelector('main').innerHTML +=
            '<input name=x><p style=\"color:#999\">pale</p><p style=\"color:#fff\">unseen</p>'",
    );
    let found = find_faults(&mut browser, script).join("\n");
    for part in ["\"label\"", "pale", "unseen"] {
        assert!(found.contains(part), "{part} in {found}");
    }
}

/// What axe finds in the page, each as JSON.
fn find_faults(browser: &mut Browser, script: &str) -> Vec<String> {
    browser.eval(&format!("{script};0"));
    // A page that loads itself again does so because somebody has asked for it, and can be told not to.
    // Text of the colour of its ground is left to people by axe; here there must be none.
    let found = browser.eval(
        "axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
            rules: { 'meta-refresh': { enabled: !location.search.includes('refresh=') },
                     'target-size': { enabled: true } },
         }).then(found => {
            const unseen = found.incomplete.map(one => ({ ...one, nodes: one.nodes.filter(node =>
                node.any.some(check => check.data?.messageKey === 'equalRatio')) }));
            const faults = found.violations.concat(unseen.filter(one => one.nodes.length > 0));
            return {
                n: found.passes.length,
                faults: faults.map(one => [one.id, one.help, one.nodes.slice(0, 5).map(
                    node => node.html + ' ' + node.failureSummary)]),
            };
         })",
    );
    assert!(found["n"].as_u64() > Some(15), "it has looked: {found}");
    let faults = found["faults"].as_array().unwrap();
    faults.iter().map(|fault| serde_json::to_string_pretty(fault).unwrap()).collect()
}

fn no_page_is_wider_than_a_phone() {
    let mut faults = Vec::new();
    each_page(&[(320, "light")], |browser, _, target, _| {
        browser.eval(OPEN_DETAILS);
        let wide = browser.eval(
            "[...document.querySelectorAll('body *')]
                .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
                .filter(one => !one.closest('pre, svg'))
                .slice(0, 3).map(one => one.outerHTML.slice(0, 120))",
        );
        let cut = browser.eval(
            "[...document.querySelectorAll('td .pill')].filter(one =>
                one.getClientRects().length > 1 || one.getBoundingClientRect().right
                    > one.closest('td').getBoundingClientRect().right + 0.5).map(one => one.innerText)",
        );
        if cut.as_array().is_none_or(|cut| !cut.is_empty()) {
            faults.push(format!("{target}: states that do not fit their column: {cut}"));
        }
        let width = browser
            .eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        if width != 0 || wide.as_array().is_none_or(|wide| !wide.is_empty()) {
            faults.push(format!("{target}: {width} pixels more: {wide}"));
        }
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What can be reached, as the page has it: its place among all elements, with its text.
const CONTROLS: &str = "[...document.querySelectorAll('a[href], button, input, select, summary')]
    .filter(one => one.type !== 'hidden' && one.checkVisibility())
    .map(one => [...document.querySelectorAll('*')].indexOf(one))";
const FOCUSED: &str = "(() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const place = one === document.body ? -1 : [...document.querySelectorAll('*')].indexOf(one);
    return [place, seen, one.outerHTML.slice(0, 100)];
})()";

fn the_keyboard_reaches_everything_in_order_and_shows_where_it_is() {
    each_page(&[(1280, "light")], |browser, _, target, _| {
        browser.eval(OPEN_DETAILS);
        let controls: Vec<i64> = serde_json::from_value(browser.eval(CONTROLS)).unwrap();
        assert!(controls.len() > 5, "{target}");
        let mut reached: Vec<i64> = Vec::new();
        // Fields of times have several places.
        for _ in 0..controls.len() + 40 {
            browser.press("Tab", 9);
            let (place, is_seen, html): (i64, bool, String) =
                serde_json::from_value(browser.eval(FOCUSED)).unwrap();
            let is_around = reached.contains(&place) && reached.last() != Some(&place);
            if place == -1 || is_around {
                break;
            }
            assert!(is_seen, "{target}: the focus is not to be seen on {html}");
            if reached.last() != Some(&place) {
                reached.push(place);
            }
        }
        let ours: Vec<i64> = reached.iter().copied().filter(|one| controls.contains(one)).collect();
        assert_eq!(ours, controls, "{target}");
    });
}

fn a_browser_fetches_nothing_but_the_page() {
    each_page(&[(1280, "light")], |browser, site, target, _| {
        assert_eq!(browser.asked(), [site.url(target)]);
        // And it would not, if a text could make it.
        let blocked = browser.eval(
            "new Promise(done => {
                const image = new Image();
                image.onload = () => done('loaded');
                image.onerror = () => done('blocked');
                image.src = '/tasks/picture';
             })",
        );
        assert_eq!(blocked, "blocked");
        let path = target.split('?').next().unwrap();
        let asked = site.take_asked();
        let others: Vec<_> = asked
            .iter()
            .filter(|asked| **asked != format!("GET {path}") && *asked != "GET /favicon.ico")
            .collect();
        assert!(others.is_empty(), "{target}: {others:?}");
    });
}

fn forms_work_without_scripts_and_with_the_keyboard_alone() {
    let site = Site::start(World::busy());
    let mut browser = Browser::start();
    browser.dress(320, "light");
    browser.forbid_scripts();
    browser.open(&site.url("/tasks/run?kind=primary.scan"));
    browser.type_into("input[name='arg.root']", "pub/new");
    browser.type_into("input[name='arg.threads']", "4");
    browser.focus("input[name='arg.full']");
    browser.press(" ", 32);
    browser.type_into("input[name=token]", TOKEN);
    browser.enter();
    assert_eq!(browser.text("location.pathname + location.search"), "/tasks/9?done=accepted");
    assert_eq!(browser.text("document.querySelector('.done').innerText"), "The task was accepted.");
    let task = |site: &Site| match site.world.run(Find(TaskId(9))) {
        Found::Task(task) => task,
        missing => panic!("{missing:?}"),
    };
    assert_eq!(task(&site).args, r#"{"root":"pub/new","threads":4,"full":true}"#);
    // The token was asked for once.
    assert_eq!(browser.eval("document.querySelectorAll('input[name=token]').length"), 0);
    browser.focus("summary");
    assert_eq!(browser.text("document.activeElement.innerText"), "Cancel");
    browser.press("Enter", 13);
    browser.type_into("input[name=reason]", "ä <b>mistake</b>");
    browser.enter();
    assert_eq!(browser.text("location.pathname + location.search"), "/tasks/9?done=cancelled");
    assert_eq!(task(&site).state, State::Cancelled);
    let events = browser.text("document.querySelector('#events + table').innerText");
    assert!(events.contains("ä <b>mistake</b>") && events.contains("token anna"), "{events}");
    // Loading the page again sends nothing again.
    site.take_asked();
    let url = browser.text("location.href");
    browser.open(&url);
    assert!(site.take_asked().iter().all(|asked| !asked.starts_with("POST")));
    // A filter comes back filled in.
    browser.open(&site.url("/tasks/list"));
    browser.focus("input[value=cancelled]");
    browser.press(" ", 32);
    browser.type_into("input[name=text]", "ä&new");
    browser.enter();
    assert_eq!(browser.text("document.querySelector('input[name=text]').value"), "ä&new");
    assert_eq!(browser.eval("document.querySelector('input[value=cancelled]').checked"), true);
    assert_eq!(browser.eval("document.querySelector('input[value=failed]').checked"), false);
}

fn a_page_loads_itself_again_if_asked_to() {
    let site = Site::start(World::busy());
    let mut browser = Browser::start();
    browser.forbid_scripts();
    browser.open(&site.url("/tasks/list?state=running&refresh=2"));
    site.take_asked();
    browser.await_load();
    assert_eq!(browser.text("location.search"), "?state=running&refresh=2");
    assert!(site.take_asked().contains(&"GET /tasks/list".to_owned()));
    browser.focus("footer a[href='?state=running']");
    browser.enter();
    assert_eq!(browser.eval("document.querySelectorAll('meta[http-equiv]').length"), 0);
}

fn keep_picture(browser: &mut Browser, name: &str) {
    let Some(folder) = std::env::var_os("PAGES_PICTURES").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), decode(&browser.picture())).unwrap();
}

/// Decodes base64 without blanks.
fn decode(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.bytes().zip(0_u32..).find(|(one, _)| *one == byte);
    let digits: Vec<_> = text.bytes().filter_map(digit).map(|(_, value)| value).collect();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}
