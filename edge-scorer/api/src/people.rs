//! `/api/people`: who signs in to the console, here or at the outside issuer, and groups of them.
//!
//! Everything here needs the role Owner. A link is in the answer that made it and nowhere else.

use axum::{Json, extract::State, response::Response, routing::get, routing::post};
use control::LinkToken;
use hyper::StatusCode;
use shared::{ArmList, NewPerson, Person, PersonRequest, SignInLink, paths};

use crate::{
    auth::{Caller, Id, Segments},
    body::ApiJson,
    error::ApiError,
    host::Endpoint,
    links::deleted,
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    let below = |rest: &str| format!("{}{rest}", paths::PEOPLE);
    Routes::default()
        .at(paths::PEOPLE, get(list).post(create))
        .at(&below("/{id}"), get(show).delete(remove))
        .at(&below("/{id}/signInLink"), post(link))
}

async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
) -> Result<Json<ArmList<Person>>, ApiError> {
    Ok(Json(ArmList { value: api.control.people(&caller).await?, next_link: None }))
}

async fn show(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(api.control.person(&caller, &id).await?))
}

async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    endpoint: Endpoint,
    ApiJson(request): ApiJson<PersonRequest>,
) -> Result<(StatusCode, Json<NewPerson>), ApiError> {
    let (person, link) = api.control.create_person(&caller, &request).await?;
    let sign_in_link = link.map(|link| address(&endpoint, link));
    Ok((StatusCode::CREATED, Json(NewPerson { person, sign_in_link })))
}

async fn remove(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_person(&caller, &id).await?))
}

async fn link(
    State(api): State<Api>,
    Caller(caller): Caller,
    endpoint: Endpoint,
    Segments(Id { id }): Segments<Id>,
) -> Result<(StatusCode, Json<SignInLink>), ApiError> {
    let link = api.control.person_link(&caller, &id).await?;
    Ok((StatusCode::CREATED, Json(address(&endpoint, link))))
}

fn address(endpoint: &Endpoint, link: LinkToken) -> SignInLink {
    let url = format!("{}{}#{}", endpoint.as_str(), paths::SIGN_IN, link.token);
    SignInLink { url, expires_at: link.expires_at }
}
