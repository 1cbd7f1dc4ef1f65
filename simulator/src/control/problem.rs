//! Refusals, as problem documents (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use portmaster_fixtures::scenario::{Mistake, pointer_of};
use schemars::JsonSchema;
use serde::Serialize;

use crate::world::Dangling;

/// The media type of problem documents.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was refused.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// Where in the body, as a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The line of the body, from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// What was expected there.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// Every mistake, where there are several.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    mistakes: Box<[Wrong]>,
}

/// One mistake of several.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Wrong {
    /// What is wrong.
    detail: String,
    /// Where in the body, as a JSON pointer.
    at: String,
    /// The line of the body, from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl Problem {
    /// A refusal with a status.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        Self { title, status: status.as_u16(), detail: detail.into(), ..Self::default() }
    }

    /// The request itself is wrong.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing.
    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The request is well formed, but the world as it is now does not take it.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// What is wrong.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it has this status.
    pub(super) fn is(&self, status: StatusCode) -> bool {
        self.status == status.as_u16()
    }

    /// The same with another status.
    pub(super) fn with(self, status: StatusCode) -> Self {
        let renamed = Self::new(status, "");
        Self { title: renamed.title, status: renamed.status, ..self }
    }

    /// The same of a part of the body, by the part's pointer.
    pub(super) fn under(self, prefix: &str) -> Self {
        self.placed(|at| format!("{prefix}{at}"))
    }

    /// The same of a body that was put so many steps deep.
    pub(super) fn below(self, depth: usize) -> Self {
        self.placed(|at| at.split('/').skip(depth + 1).map(|step| format!("/{step}")).collect())
    }

    fn placed(mut self, place: impl Fn(&str) -> String) -> Self {
        self.at = self.at.as_deref().map(&place);
        for one in &mut self.mistakes {
            one.at = place(&one.at);
        }
        self
    }

    /// Says where in the body it is.
    pub(super) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.at = Some(pointer.into());
        self
    }

    /// Says what was expected.
    pub(super) fn expected(mut self, what: impl Into<String>) -> Self {
        self.expected = Some(what.into());
        self
    }

    /// What is wrong with the form of a body.
    pub(super) fn mistakes(found: &[Mistake]) -> Self {
        Self::several(StatusCode::BAD_REQUEST, found.iter().map(|one| one.clone().into()).collect())
    }

    /// What is named in a body and not there; `root` is what the paths begin with.
    pub(super) fn dangling(found: Vec<Dangling>, root: &str) -> Self {
        let own = |one: Dangling| {
            let path = one.path.strip_prefix(root).unwrap_or(&one.path).trim_start_matches('.').to_owned();
            Mistake { path, text: one.text, near: one.near, ..Mistake::default() }.into()
        };
        Self::several(StatusCode::CONFLICT, found.into_iter().map(own).collect())
    }

    fn several(status: StatusCode, all: Vec<Wrong>) -> Self {
        // One with a suggestion helps most.
        let first = all.iter().find(|one| one.detail.contains("; did you mean ")).or(all.first());
        let Some(first) = first else { return Self::new(status, "the body is refused") };
        let expected = first.detail.split_once("expected ").map(|(_, expected)| {
            expected
                .split("; did you mean")
                .next()
                .unwrap_or(expected)
                .split(", found ")
                .next()
                .unwrap_or(expected)
        });
        let problem = Self {
            at: Some(first.at.clone()),
            line: first.line,
            expected: expected.map(str::to_owned),
            ..Self::new(status, first.detail.clone())
        };
        Self { mistakes: if all.len() > 1 { all.into() } else { Box::default() }, ..problem }
    }
}

impl From<Mistake> for Wrong {
    fn from(mistake: Mistake) -> Self {
        let near = mistake.near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        let whose = if mistake.path.is_empty() { String::new() } else { format!("{}: ", mistake.path) };
        Self {
            detail: format!("{whose}{}{near}", mistake.text),
            at: pointer_of(&mistake.path),
            line: u32::try_from(mistake.line).ok().filter(|line| *line > 0),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}
