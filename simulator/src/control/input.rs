//! What a request brings along, read so that mistakes are said exactly.

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, header::CONTENT_LENGTH, request::Parts},
};
use portmaster_fixtures::{read_value, scenario::Form};
use portmaster_wire::together::Share;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{places::Place, plane::Plane, problem::Problem};
use crate::{
    core::{Held, Partial, gather},
    go::escape,
    limits,
};

/// A JSON body of a type.
#[derive(Debug)]
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + 'static> FromRequest<Arc<Plane>> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, plane: &Arc<Plane>) -> Result<Self, Problem> {
        let (body, _held) = body(plane, request, limits::CONTROL_BODY).await?;
        read(&body).map(Self)
    }
}

/// The whole body, and what counts it.
///
/// # Errors
/// When it is longer than `most`, others have taken the room, or it breaks off.
pub(super) async fn body(plane: &Plane, request: Request, most: usize) -> Result<(Bytes, Held), Problem> {
    let too_long = || {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
            .expected(format!("at most {most} bytes"))
    };
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let told = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if told.is_some_and(|length: u64| length > most as u64) {
        return Err(too_long());
    }
    let mut held = Share::of(Arc::clone(&plane.shared.unread));
    let gathered = gather(request.into_body(), (told, most), &mut held).await;
    if let Some(place) = place {
        place.speaks();
    }
    match gathered {
        Ok(body) => Ok((body, held)),
        Err(Partial::TooLong) => Err(too_long()),
        Err(Partial::Full(full)) => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("bodies that are not whole are {full}")))
        }
        Err(Partial::Broken(_)) => Err(Problem::bad("the body breaks off")),
    }
}

/// A body of any JSON.
///
/// # Errors
/// When it is not whole, or none.
pub(super) async fn any(plane: &Plane, request: Request) -> Result<Value, Problem> {
    let (body, _held) = body(plane, request, limits::CONTROL_BODY).await?;
    json(&body)
}

/// Reads JSON into a type, and says every mistake of its form.
///
/// # Errors
/// When it is not JSON, or not of the type's form.
pub(super) fn read<T: DeserializeOwned + JsonSchema + 'static>(bytes: &[u8]) -> Result<T, Problem> {
    typed(&json(bytes)?)
}

/// The same for a value.
///
/// # Errors
/// When it is not of the type's form.
pub(super) fn typed<T: DeserializeOwned + JsonSchema + 'static>(value: &Value) -> Result<T, Problem> {
    let form = form::<T>();
    // Readers of types alone would take lists for maps.
    if !form.fits(value) {
        return Err(Problem::mistakes(&form.check_value(value)));
    }
    // To JSON 7.0 is a whole number.
    let read = read_value(value).or_else(|_| read_value(&whole(value)));
    // It has the form, but says what cannot be, such as a number that is too great.
    read.map_err(|misfit| Problem::mistakes(&[(&misfit).into()]).with(StatusCode::CONFLICT))
}

/// A value whose whole numbers are written as such.
fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            // Below 2^53 nothing is lost.
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).into(),
            _ => value.clone(),
        },
        Value::Array(list) => list.iter().map(whole).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), whole(value))).collect::<Map<_, _>>().into()
        }
        _ => value.clone(),
    }
}

/// Reads any JSON.
///
/// # Errors
/// When it is none.
pub(super) fn json(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Err(Problem::bad("the body is empty").expected("JSON"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad(format!("the body is not JSON: {error}")).expected("JSON"))
}

/// The form of a type, made when it is first asked for.
fn form<T: JsonSchema + 'static>() -> Arc<Form> {
    static FORMS: LazyLock<Mutex<BTreeMap<TypeId, Arc<Form>>>> = LazyLock::new(Mutex::default);
    let mut forms = FORMS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(forms.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(Form::of::<T>())))
}

/// The only part of a path that varies.
#[derive(Debug)]
pub(super) struct Part(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let all = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::bad("the path is not UTF-8 text"))?;
        all.iter()
            .next()
            .map(|(_, value)| Self(value.to_owned()))
            .ok_or_else(|| Problem::missing("no such path"))
    }
}

/// The members of a query, of a type whose members are texts, numbers or flags.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + 'static, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let form = form::<T>();
        let is_text = |name: &str| {
            let kind = form.schema().get("properties").and_then(|members| members.get(name)?.get("type"));
            kind.is_none_or(|kind| {
                kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&"string".into()))
            })
        };
        let pairs = escape::pairs(parts.uri.query().unwrap_or_default());
        let value = pairs.into_iter().map(|(name, text)| {
            let value = if is_text(&name) { text.into() } else { scalar(text) };
            (name, value)
        });
        typed(&Value::Object(value.collect())).map(Self)
    }
}

/// A member of a query that is no text: a number or a flag where it reads as one.
fn scalar(text: String) -> Value {
    match text.as_str() {
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
    }
}
