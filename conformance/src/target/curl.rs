//! A command that repeats a request by hand.

use portmaster_wire::shell::{curl_header, quoted};

use super::{Address, Request};

/// The curl command line for a request. Secret values stand there as shell variables.
pub fn curl_line(address: &Address, request: &Request) -> String {
    let mut line = "curl -isS".to_owned();
    match request.method.as_str() {
        "GET" if request.body.is_empty() && request.declared().is_none() => {}
        "HEAD" => line += " -I",
        method => line += &format!(" -X {}", quoted(method)),
    }
    for header in &request.headers {
        line += &match &header.shown {
            Some(shown) => format!(" -H \"{}: {shown}\"", header.name),
            None => format!(" -H {}", quoted(&curl_header(&header.name, &header.value))),
        };
    }
    if let Some(length) = request.declared() {
        line += &format!(" -H 'Content-Length: {length}'");
    }
    if !request.body.is_empty() {
        line += &format!(" --data-binary {}", quoted(&String::from_utf8_lossy(&request.body)));
    }
    let plain = request.target.starts_with('/') && !request.target.contains([' ', '[', ']', '{', '}']);
    if !plain {
        return format!("{line} --request-target {} {address}", quoted(&request.target));
    }
    if request.target.contains("/.") || request.target.contains("//") {
        line += " --path-as-is";
    }
    format!("{line} {}", quoted(&format!("{address}{}", request.target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: Request) -> String {
        curl_line(&"127.0.0.1:817".parse().unwrap(), &request)
    }

    #[test]
    fn requests_can_be_repeated_by_hand() {
        assert_eq!(line(Request::api("GET", "ping")), "curl -isS http://127.0.0.1:817/api/v1/ping");
        let posted = Request::api("POST", "netquery/query").body(r#"{"a":"it's"}"#);
        assert_eq!(
            line(posted),
            r#"curl -isS -X POST --data-binary '{"a":"it'\''s"}' http://127.0.0.1:817/api/v1/netquery/query"#
        );
        let odd = Request::new("OPTIONS", "*");
        assert_eq!(line(odd), "curl -isS -X OPTIONS --request-target '*' http://127.0.0.1:817");
        let dots = Request::new("HEAD", "/api/../x");
        assert_eq!(line(dots), "curl -isS -I --path-as-is http://127.0.0.1:817/api/../x");
    }

    #[test]
    fn secrets_stay_out() {
        let request = Request::api("GET", "ping").secret_header(
            "Authorization",
            "Bearer sesame".to_owned(),
            "Bearer $USER_KEY".to_owned(),
        );
        assert_eq!(
            line(request),
            r#"curl -isS -H "Authorization: Bearer $USER_KEY" http://127.0.0.1:817/api/v1/ping"#
        );
    }
}
