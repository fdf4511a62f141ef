//! Pages as they are, as files.

use hyper::Method;

use crate::asking::{Way, request};
use crate::files;
use crate::samples::World;

tests! {
    pages_of_a_busy_site_look_like_this,
    pages_of_a_new_site_say_what_happens_and_what_to_do,
    pages_of_two_sites_say_whose_files_they_are_about,
    a_page_that_loads_itself_again_has_no_forms,
    forms_ask_for_a_token_where_one_is_needed,
    pages_without_forms_say_why_and_what_to_do,
    what_is_not_there_is_said_with_its_status,
}

/// Compares the part of a page that is its own with a golden file.
#[track_caller]
fn check(name: &str, page: &str) {
    let after_style = page.split_once("</style>").expect("a page").1;
    let mut own = String::new();
    for (place, part) in after_style.split("page-").enumerate() {
        // Names of requests are drawn.
        let drawn = part.chars().take_while(char::is_ascii_hexdigit).count();
        match (place, drawn) {
            (0, _) => own.push_str(part),
            (_, 32) => own.extend(["page-DRAWN", &part[32..]]),
            _ => own.extend(["page-", part]),
        }
    }
    files::check(&format!("tasks/{name}.html"), &own);
}

fn pages_of_a_busy_site_look_like_this() {
    let world = World::busy();
    for (name, target) in [
        ("overview", "/tasks"),
        ("list", "/tasks/list?state=failed&state=running&text=scan"),
        ("task_completed", "/tasks/1?done=retried"),
        ("task_failed", "/tasks/3"),
        ("task_waiting", "/tasks/4"),
        ("task_running", "/tasks/7"),
        ("schedules", "/tasks/schedules"),
        ("nodes", "/tasks/nodes"),
        ("run", "/tasks/run?kind=primary.scan&arg.threads=4&arg.full=true"),
    ] {
        let answer = world.get(target);
        assert_eq!(answer.status, 200, "{target}");
        check(name, &answer.body);
    }
}

fn pages_of_a_new_site_say_what_happens_and_what_to_do() {
    let world = World::new();
    for (name, target) in
        [("new_overview", "/tasks"), ("new_list", "/tasks/list"), ("new_run", "/tasks/run")]
    {
        check(name, &world.get(target).body);
    }
    let unused = World::unused();
    for (name, target) in [
        ("unused_overview", "/tasks"),
        ("unused_schedules", "/tasks/schedules"),
        ("unused_nodes", "/tasks/nodes"),
    ] {
        check(name, &unused.get(target).body);
    }
}

fn pages_of_two_sites_say_whose_files_they_are_about() {
    let world = World::of_two_sites();
    world.post("/tasks/schedules", "do=run&name=scan%40two&request_id=r");
    let waits = "No node of the site two is alive";
    assert!(!world.get("/tasks/1").body.contains(waits));
    world.stop_node("mirror-2");
    for (name, target) in [
        ("sites_overview", "/tasks"),
        ("sites_list", "/tasks/list"),
        ("sites_task", "/tasks/1"),
        ("sites_nodes", "/tasks/nodes"),
        ("sites_schedules", "/tasks/schedules"),
    ] {
        check(name, &world.get(target).body);
    }
    // The other node knows the kind, and has not the files.
    assert!(world.get("/tasks/1").body.contains(waits));
}

fn a_page_that_loads_itself_again_has_no_forms() {
    let world = World::busy();
    for target in ["/tasks?refresh=5", "/tasks/list?state=running&refresh=5", "/tasks/7?refresh=5"]
    {
        let page = world.get(target).body;
        assert!(page.contains("<meta http-equiv=\"refresh\" content=\"5\">"), "{page}");
        assert!(!page.contains("<form") && !page.contains("<input"), "{page}");
    }
    assert!(!world.get("/tasks?refresh=1").body.contains("http-equiv"));
    let list = world.get("/tasks/list?state=running&refresh=5").body;
    assert!(list.contains("<b>state</b>: running"), "{list}");
    assert!(list.contains("href=\"?state=running\""), "{list}");
}

fn forms_ask_for_a_token_where_one_is_needed() {
    let world = World::busy();
    let page = |way, target| world.asked(way, request(Method::GET, target, "")).body;
    for target in ["/tasks", "/tasks/1", "/tasks/schedules", "/tasks/run?kind=primary.scan"] {
        let (open, token) = (page(Way::Socket, target), page(Way::Tcp, target));
        let count = |page: &str, part| page.matches(part).count();
        assert!(count(&open, "method=\"post\"") > 0, "{target}");
        assert_eq!(count(&open, "type=\"password\""), 0, "{target}");
        let n_forms = count(&token, "method=\"post\"");
        assert_eq!(count(&token, "type=\"password\""), n_forms, "{target}");
        assert_eq!(count(&page(Way::TcpWithoutTokens, target), "method=\"post\""), 0, "{target}");
    }
}

fn pages_without_forms_say_why_and_what_to_do() {
    let world = World::busy();
    let page = |way, target| world.asked(way, request(Method::GET, target, "")).body;
    for target in
        ["/tasks", "/tasks/1", "/tasks/schedules", "/tasks/run", "/tasks/run?kind=primary.scan"]
    {
        let page = |way| page(way, target);
        let reason = "no file of tokens is configured. Name one as <code>token_file</code>";
        assert!(page(Way::TcpWithoutTokens).contains(reason), "{target}");
        assert!(
            ![Way::Socket, Way::Tcp].map(page).join("").contains("no file of tokens"),
            "{target}"
        );
    }
}

fn what_is_not_there_is_said_with_its_status() {
    let world = World::busy();
    for (target, status, text) in [
        ("/tasks/999", 404, "There never was a task 999."),
        ("/tasks/0", 404, "There is no such page"),
        ("/tasks/x", 404, "There is no such page"),
        ("/tasks/1/cancel", 404, "There is no such page"),
        ("/tasks/list?state=odd", 400, "`odd` is no state; there are enqueued"),
        ("/tasks/list?stat=failed", 400, "`stat` is no filter"),
        ("/tasks/list?text=%ff", 400, "the value of text= is not UTF-8"),
    ] {
        let answer = world.get(target);
        assert_eq!(answer.status, status, "{target}");
        assert!(answer.body.contains(text), "{target}: {}", answer.body);
        assert!(answer.body.contains("role=\"alert\""), "{target}");
    }
    check("message", &world.get("/tasks/999").body);
}
