//! Which requests are answered, and what every answer carries.

use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::Shared;
use crate::frame;

/// Names of this machine in a browser.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses what no page of this program asks, and adds what keeps a browser from doing more with
/// the answer than to show it.
pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = if !is_for_this_machine(request.headers(), request.uri(), app.port) {
        let text = format!(
            "This page is shown to browsers of the machine that it runs on. Open http://127.0.0.1:{}/ there.\n",
            app.port
        );
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "Nothing can be changed here: expected GET or HEAD.\n";
        (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")], text).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(frame::policy());
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a browser of this machine asks by one of its names. A page elsewhere can make its own
/// name lead to 127.0.0.1 (DNS rebinding), and would then be allowed to read the answers.
fn is_for_this_machine(headers: &HeaderMap, uri: &Uri, port: u16) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let is_own = |host: &str| is_own(host, port);
    host.to_str().is_ok_and(is_own) && uri.authority().is_none_or(|host| is_own(host.as_str()))
}

fn is_own(host: &str, port: u16) -> bool {
    let host = host.to_ascii_lowercase();
    NAMES.iter().any(|name| match host.strip_prefix(name) {
        Some("") => port == 80,
        Some(rest) => rest.strip_prefix(':') == Some(port.to_string().as_str()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_port_are_own() {
        for host in ["localhost:7070", "LOCALHOST:7070", "127.0.0.1:7070", "[::1]:7070"] {
            assert!(is_own(host, 7070), "{host}");
        }
        assert!(is_own("localhost", 80));
        for host in [
            "localhost",
            "localhost:70",
            "localhost:70700",
            "localhost:07070",
            "localhost.evil.example:7070",
            "evil.example:7070",
            "127.0.0.1.evil.example:7070",
            "127.0.0.1:7070@evil.example",
            "user@localhost:7070",
            "::1:7070",
            "",
        ] {
            assert!(!is_own(host, 7070), "{host}");
        }
    }

    #[test]
    fn a_host_is_needed_and_two_are_none() {
        let uri: Uri = "/".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert!(!is_for_this_machine(&headers, &uri, 7070));
        headers.append(HOST, HeaderValue::from_static("localhost:7070"));
        assert!(is_for_this_machine(&headers, &uri, 7070));
        let other: Uri = "http://evil.example/".parse().unwrap();
        assert!(!is_for_this_machine(&headers, &other, 7070));
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!is_for_this_machine(&headers, &uri, 7070));
    }
}
