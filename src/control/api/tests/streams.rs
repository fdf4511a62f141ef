use super::*;

/// Reads a stream until it holds `text`, or to its end.
async fn read_until(
    body: &mut (impl hyper::body::Body<Data = Bytes> + Unpin),
    text: &str,
) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let Some(Ok(frame)) = body.frame().await else { break };
        seen.push_str(std::str::from_utf8(&frame.into_data().unwrap_or_default()).unwrap());
    }
    seen
}

fn stream_request(target: &str, last: Option<&'static str>) -> PartRequest {
    let mut request = request(Method::GET, target, "");
    request.headers.insert("accept", HeaderValue::from_static("text/event-stream"));
    if let Some(last) = last {
        request.headers.insert("last-event-id", HeaderValue::from_static(last));
    }
    request
}

#[tokio::test]
async fn a_stream_of_events_can_be_resumed_and_ends() {
    let fixture = Fixture::new().await;
    let id = fixture.nap().await;
    let target = format!("/api/v1/tasks/{id}/events");
    assert_eq!(Api::waits(&stream_request(&target, None)), Waiting::Stream);
    let reply = fixture.api.answer(&stream_request(&target, None)).await;
    assert_eq!(reply.headers()["content-type"], "text/event-stream");
    let mut body = reply.into_body();
    let seen = read_until(&mut body, "\n\n").await;
    assert!(seen.starts_with("id: 1\nevent: enqueued\ndata: {\"id\":1,"), "{seen}");
    let claimed = fixture.claim().await;
    assert!(read_until(&mut body, "event: claimed\n").await.contains("id: 2\n"));
    // The connection breaks here.
    drop(body);
    fixture.finish(&claimed[0]).await;
    let reply = fixture.api.answer(&stream_request(&target, Some("2"))).await;
    let rest = read_until(&mut reply.into_body(), "\0").await;
    assert!(rest.starts_with("id: 3\nevent: completed\n"), "{rest}");
    let (_, end) = rest.split_once("\n\nevent: end\ndata: ").unwrap();
    let task: Value = serde_json::from_str(end.trim_end()).unwrap();
    assert_eq!(task["state"], "completed");
    // Nothing can come any more.
    let (status, ..) = fixture.ask(stream_request(&target, Some("3"))).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(fixture.ask(stream_request(&target, Some("x"))).await.0, StatusCode::BAD_REQUEST);
    let unknown = stream_request("/api/v1/tasks/99/events", None);
    assert_eq!(fixture.ask(unknown).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_shows_that_it_is_there() {
    let fixture = Fixture::new().await;
    let id = fixture.nap().await;
    let target = format!("/api/v1/tasks/{id}/events?after=1");
    let mut body = fixture.api.answer(&stream_request(&target, None)).await.into_body();
    for _ in 0..3 {
        let begin = tokio::time::Instant::now();
        assert_eq!(read_until(&mut body, "\n\n").await, ": still there\n\n");
        assert!((14..=17).contains(&begin.elapsed().as_secs()));
    }
    // Others who change something wake it, but nothing is sent.
    fixture.nap().await;
    let mut next = pin!(body.frame());
    let quiet = tokio::time::timeout(Duration::from_secs(10), &mut next).await;
    assert!(quiet.is_err());
}
