//! A route as data: what the router and the document need to know of it.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    handler::Handler,
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::{plane::Plane, problem::Problem};

/// Writes the schema of a type, with what it refers to in the generator.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

/// One method of one path.
#[derive(Clone)]
pub(super) struct Route {
    /// The method.
    pub(super) method: Method,
    /// The path, in the router's form: `/snapshots/{id}`, `/state/{*path}`.
    pub(super) path: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// The rest of what is to be said.
    pub(super) about: &'static str,
    /// What the parts of the path are, in their order, each with an example.
    pub(super) parts: Vec<(&'static str, &'static str, &'static str)>,
    /// What the part of the path looks like, where not everything is taken.
    pub(super) pattern: Option<&'static str>,
    /// The members of the query.
    pub(super) query: Option<Describe>,
    /// The bodies that are taken, by their media types.
    pub(super) takes: Vec<Content>,
    /// What is answered, by status.
    pub(super) answers: Vec<Answer>,
    /// With which statuses it is refused, beside those of every route.
    pub(super) refusals: Vec<StatusCode>,
    handler: MethodRouter<Arc<Plane>>,
}

/// A body of some type.
#[derive(Clone)]
pub(super) struct Content {
    /// Its media type.
    pub(super) media_type: &'static str,
    /// Its schema.
    pub(super) schema: Describe,
    /// One that is taken.
    pub(super) example: Option<Value>,
}

/// An answer.
#[derive(Clone)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// What it says.
    pub(super) about: &'static str,
    /// Its body, if it has one.
    pub(super) content: Option<Content>,
}

impl Route {
    fn new<H, T>(method: Method, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Plane>>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a method that the router knows");
        Self {
            method,
            path,
            summary,
            about: "",
            parts: Vec::new(),
            pattern: None,
            query: None,
            takes: Vec::new(),
            answers: Vec::new(),
            refusals: Vec::new(),
            handler: on(filter, handler),
        }
    }

    /// Says more of it.
    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Names the next part of the path.
    pub(super) fn part(mut self, name: &'static str, about: &'static str, example: &'static str) -> Self {
        self.parts.push((name, about, example));
        self
    }

    /// Says what the part of the path looks like, as a regular expression.
    pub(super) fn pattern(mut self, pattern: &'static str) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Takes a query with the members of a type.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(describe::<T>);
        self
    }

    /// Takes a JSON body.
    pub(super) fn takes<T: JsonSchema>(self, example: Value) -> Self {
        self.takes_as::<T>(JSON, Some(example))
    }

    /// Takes a body of another media type.
    pub(super) fn takes_as<T: JsonSchema>(
        mut self,
        media_type: &'static str,
        example: Option<Value>,
    ) -> Self {
        self.takes.push(Content { media_type, schema: describe::<T>, example });
        self
    }

    /// Answers with JSON and status 200.
    pub(super) fn answers<T: JsonSchema>(self, about: &'static str) -> Self {
        self.answers_as::<T>(StatusCode::OK, JSON, about)
    }

    /// Answers with another status or media type.
    pub(super) fn answers_as<T: JsonSchema>(
        mut self,
        status: StatusCode,
        media_type: &'static str,
        about: &'static str,
    ) -> Self {
        let content = Content { media_type, schema: describe::<T>, example: None };
        self.answers.push(Answer { status, about, content: Some(content) });
        self
    }

    /// Answers with nothing but status 204.
    pub(super) fn answers_nothing(mut self, about: &'static str) -> Self {
        self.answers.push(Answer { status: StatusCode::NO_CONTENT, about, content: None });
        self
    }

    /// May be refused with these statuses.
    pub(super) fn refuses<const N: usize>(mut self, statuses: [StatusCode; N]) -> Self {
        self.refusals.extend(statuses);
        self
    }

    /// Adds it to a router.
    pub(super) fn mount(self, router: Router<Arc<Plane>>) -> Router<Arc<Plane>> {
        let handler = match self.query {
            Some(_) => self.handler,
            None => self.handler.layer(middleware::from_fn(no_query)),
        };
        router.route(self.path, handler)
    }
}

fn describe<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Refuses a query where none is taken.
async fn no_query(request: Request, next: Next) -> Response {
    match request.uri().query() {
        None | Some("") => next.run(request).await,
        Some(_) => Problem::bad("this path takes no query").into_response(),
    }
}

/// Defines a function for a method.
macro_rules! methods {
    ($($name:ident $method:ident $about:literal),+) => {$(
        #[doc = $about]
        pub(super) fn $name<H, T>(path: &'static str, summary: &'static str, handler: H) -> Route
        where
            H: Handler<T, Arc<Plane>>,
            T: 'static,
        {
            Route::new(Method::$method, path, summary, handler)
        }
    )+};
}

methods! {
    get GET "A route that is read.",
    post POST "A route that does something.",
    patch PATCH "A route that changes a part.",
    put PUT "A route that replaces.",
    delete DELETE "A route that takes away."
}
