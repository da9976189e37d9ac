//! Services: deployed images, their settings and keys.
//!
//! A service has what is in effect and what is wanted. A request changes what is wanted and accepts
//! an operation; the operation makes it so, or leaves everything as it was and says why.

mod autoscaler;
mod deploy;
mod keys;
mod quantity;
mod rows;
mod settings;

use futures::{StreamExt as _, stream::BoxStream};
use serde::Deserialize;
use shared::{
    ComputeType, DeploymentId, ImageId, OperationId, OperationState, OperationType, Service,
    ServiceCreateRequest, ServiceId, ServiceUpdateRequest,
};
use sqlx::{QueryBuilder, Row as _, Sqlite};

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, ListQuery, audit, clock,
    first_answers::{first_answer, keep_answer},
    images::validate_compute,
    lists::{self, Order, Rows, Table, searchable},
    operations::{Event, NewOperation, accept},
    random,
    store::Write,
};

pub(crate) use deploy::Wanted;
pub use rows::{Parts, ServicePage};
pub(crate) use settings::{Collecting, Effect, Settings};

pub(crate) const TABLE: Table = Table {
    columns: rows::COLUMNS,
    name: "services",
    joins: "",
    rows: Rows::Keyed,
    orders: &[
        Order::number("createdAt", "r.key"),
        Order::text("name", "r.name"),
        Order::number("updatedAt", "r.updated_at"),
        Order::text("state", "r.state"),
    ],
    beside: &["name", "updated_at", "state"],
};

/// Which services a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceFilter {
    /// Name.
    pub service_name: Option<String>,
    /// A model they serve.
    pub model_id: Option<String>,
    /// The name of a model they serve.
    pub model_name: Option<String>,
    /// The manifest of their image.
    pub manifest_id: Option<String>,
    /// The name of the manifest of their image.
    pub manifest_name: Option<String>,
    /// Their image.
    pub image_id: Option<String>,
    /// Their compute resource.
    pub compute_resource_id: Option<String>,
}

impl Control {
    /// Begins to deploy a new service.
    pub async fn create_service(
        &self,
        account: &AccountAccess,
        request: ServiceCreateRequest,
    ) -> Result<OperationId, ControlError> {
        account.require(Action::Write)?;
        let keyed = account.keyed_request("service", &request)?;
        if let Some(answer) = self.known_answer(keyed.as_ref()).await? {
            return Ok(answer);
        }
        shared::validate_service_name(&request.name)
            .map_err(|rule| ControlError::invalid(rule.to_string(), "Choose another `name`."))?;
        let compute_id = request.compute_resource.id.as_deref().unwrap_or_default();
        validate_compute(compute_id, "computeResource.id")?;
        let settings = Settings::of_new(&request);
        settings.effect(self.limits().guest_memory_bytes)?;
        let compute_type = request.compute_resource.compute_type.unwrap_or(ComputeType::Cluster);

        let id = ServiceId(random::uuid());
        let keys = keys::Keys::random();
        let mut write = self.inner.store.write().await?;
        if let Some(answer) = first_answer(&mut write, keyed.as_ref()).await? {
            return Ok(answer);
        }
        let image_id = ready_image(&mut write, account, &request.image_id).await?;
        let taken = sqlx::query("SELECT 1 FROM services WHERE account_id = $1 AND name = $2")
            .bind(&account.account_id)
            .bind(&request.name)
            .fetch_optional(&mut *write)
            .await?;
        if taken.is_some() {
            return Err(ControlError::NameTaken { kind: Kind::Service, name: request.name });
        }
        let public_name = public_name(&mut write, &request.name, id).await?;
        let now = clock::now();
        let text = serde_json::to_string(&settings).map_err(ControlError::internal)?;
        sqlx::query(
            "INSERT INTO services (id, account_id, name, public_name, created_at, updated_at, state,
                 compute_resource_id, compute_type, image_id, settings, wanted_image_id,
                 wanted_settings, primary_key, secondary_key, search)
             VALUES ($1, $2, $3, $4, $5, $5, 'NotStarted', $6, $7, $8, $9, $8, $9, $10, $11, $12)",
        )
        .bind(id.to_string())
        .bind(&account.account_id)
        .bind(&request.name)
        .bind(public_name)
        .bind(now)
        .bind(compute_id)
        .bind(compute_type.as_str())
        .bind(image_id.to_string())
        .bind(text)
        .bind(self.inner.vault.seal(&keys::primary_purpose(id), keys.primary.as_bytes())?)
        .bind(self.inner.vault.seal(&keys::secondary_purpose(id), keys.secondary.as_bytes())?)
        .bind(searchable([request.name.as_str()]))
        .execute(&mut *write)
        .await?;
        let wanted = Wanted { image_id, settings };
        let operation = want(&mut write, account, id, &request.name, &wanted).await?;
        keep_answer(&mut write, keyed.as_ref(), &operation).await?;
        audit::made(id);
        write.commit().await?;
        self.start_operation(operation);
        Ok(operation)
    }

    /// Begins to update a service; the old deployment serves until the new one is ready. `id` is
    /// an id or a name, here and below.
    pub async fn update_service(
        &self,
        account: &AccountAccess,
        id: &str,
        request: ServiceUpdateRequest,
    ) -> Result<OperationId, ControlError> {
        account.require(Action::Write)?;
        let mut write = self.inner.store.write().await?;
        let row = sqlx::query(
            "SELECT id, name, wanted_image_id, wanted_settings FROM services
             WHERE account_id = $1 AND (id = $2 OR name = $3)",
        )
        .bind(&account.account_id)
        .bind(id.to_ascii_lowercase())
        .bind(id)
        .fetch_optional(&mut *write)
        .await?
        .ok_or_else(|| ControlError::not_found(Kind::Service, id))?;
        let service_id: ServiceId =
            row.try_get::<&str, _>(0)?.parse().map_err(ControlError::internal)?;
        let image_id = match &request.image_id {
            Some(image_id) => ready_image(&mut write, account, image_id).await?,
            None => row.try_get::<&str, _>(2)?.parse().map_err(ControlError::internal)?,
        };
        let before: Settings =
            serde_json::from_str(row.try_get(3)?).map_err(ControlError::internal)?;
        let settings = before.merged(&request);
        settings.effect(self.limits().guest_memory_bytes)?;
        let text = serde_json::to_string(&settings).map_err(ControlError::internal)?;
        sqlx::query("UPDATE services SET wanted_image_id = $1, wanted_settings = $2 WHERE id = $3")
            .bind(image_id.to_string())
            .bind(text)
            .bind(service_id.to_string())
            .execute(&mut *write)
            .await?;
        let name: String = row.try_get(1)?;
        let wanted = Wanted { image_id, settings };
        let operation = want(&mut write, account, service_id, &name, &wanted).await?;
        write.commit().await?;
        self.start_operation(operation);
        Ok(operation)
    }

    /// A page of services.
    pub async fn services(
        &self,
        account: &AccountAccess,
        filter: &ServiceFilter,
        query: &ListQuery,
    ) -> Result<ServicePage, ControlError> {
        account.require(Action::Read)?;
        let id = &account.account_id;
        let conditions = |builder: &mut QueryBuilder<Sqlite>| narrow(builder, id, filter);
        let store = &self.inner.store;
        let mut listed =
            lists::page(store, &TABLE, query, account, &conditions, rows::service).await?;
        for service in &mut listed.value {
            service.replicas = self.replicas(service);
        }
        let parts = self.parts(account, &listed.value).await?;
        Ok(ServicePage { listed, parts })
    }

    /// One service.
    pub async fn service(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Service, ControlError> {
        account.require(Action::Read)?;
        let found = self.find_service(account, id).await?;
        found.ok_or_else(|| ControlError::not_found(Kind::Service, id))
    }

    /// Stops and deletes a service. `false` when there was none.
    pub async fn delete_service(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<bool, ControlError> {
        account.require(Action::Write)?;
        let (control, account_id, id) = (self.clone(), account.account_id.clone(), id.to_owned());
        // To its end, also when the caller hangs up between the commit and the routing table.
        let work = async move { control.delete_service_of(&account_id, &id).await };
        audit::spawn(work).await.map_err(ControlError::internal)?
    }

    async fn delete_service_of(&self, account_id: &str, id: &str) -> Result<bool, ControlError> {
        let mut write = self.inner.store.write().await?;
        let collected: Vec<String> = sqlx::query_scalar(
            "SELECT sha256 FROM collected WHERE service_id IN (
                 SELECT id FROM services WHERE account_id = $1 AND (id = $2 OR name = $3))",
        )
        .bind(account_id)
        .bind(id.to_ascii_lowercase())
        .bind(id)
        .fetch_all(&mut *write)
        .await?;
        let row = sqlx::query(
            "DELETE FROM services WHERE account_id = $1 AND (id = $2 OR name = $3)
             RETURNING id, public_name",
        )
        .bind(account_id)
        .bind(id.to_ascii_lowercase())
        .bind(id)
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let (service_id, public_name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let id: ServiceId = service_id.parse().map_err(ControlError::internal)?;
        let unfinished: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM operations WHERE resource_id = $1 AND ended_at IS NULL",
        )
        .bind(&service_id)
        .fetch_all(&mut *write)
        .await?;
        write.commit().await?;
        self.inner.routes.remove(&public_name);
        self.inner.observers.forget(id).await;
        self.sweep(&collected).await?;
        for operation in unfinished {
            self.inner.runner.cancel(operation.parse().map_err(ControlError::internal)?);
        }
        let account_id = account_id.to_owned();
        self.inner.runner.publish(Event { account_id, resource_id: service_id, status: None });
        Ok(true)
    }

    /// The service now and after every change, until it is deleted.
    pub async fn service_events(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<BoxStream<'static, Service>, ControlError> {
        let now = self.service(account, id).await?;
        let (control, account, id) = (self.clone(), account.clone(), now.id.to_string());
        let events = self.inner.runner.events();
        let wanted = id.clone();
        let later = events
            .filter(move |event| futures::future::ready(event.resource_id == wanted))
            .then(move |_| {
                let (control, account, id) = (control.clone(), account.clone(), id.clone());
                async move { control.find_service(&account, &id).await.ok().flatten() }
            })
            .take_while(|found| futures::future::ready(found.is_some()))
            .filter_map(futures::future::ready);
        Ok(futures::stream::iter([now]).chain(later).boxed())
    }

    /// The id of a service that an id or a name names.
    pub(crate) async fn service_id(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<ServiceId, ControlError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM services WHERE account_id = $1 AND (id = $2 OR name = $3)",
        )
        .bind(&account.account_id)
        .bind(id.to_ascii_lowercase())
        .bind(id)
        .fetch_optional(self.inner.store.read())
        .await?;
        let found = found.ok_or_else(|| ControlError::not_found(Kind::Service, id))?;
        found.parse().map_err(ControlError::internal)
    }

    pub(crate) async fn find_service(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Option<Service>, ControlError> {
        let mut query = sqlx::QueryBuilder::new("SELECT ");
        query.push(rows::COLUMNS).push(" FROM services r WHERE r.account_id = ");
        query.push_bind(&account.account_id).push(" AND (r.id = ");
        query.push_bind(id.to_ascii_lowercase()).push(" OR r.name = ").push_bind(id).push(")");
        let row = query.build().fetch_optional(self.inner.store.read()).await?;
        let Some(row) = row else { return Ok(None) };
        let mut service = rows::service(&row)?;
        service.replicas = self.replicas(&service);
        let mut parts = self.parts(account, std::slice::from_ref(&service)).await?;
        let parts = parts.remove(&service.image_id);
        let (image, models) = parts.map(|parts| (parts.image, parts.models)).unzip();
        let manifest = image.as_ref().and_then(|image| image.manifest.clone());
        Ok(Some(service.with_parts(image, manifest, models)))
    }
}

pub(crate) fn narrow(builder: &mut QueryBuilder<Sqlite>, account_id: &str, filter: &ServiceFilter) {
    if let Some(name) = &filter.service_name {
        builder.push(" AND r.name = ").push_bind(name.clone());
    }
    if let Some(id) = &filter.image_id {
        builder.push(" AND r.image_id = ").push_bind(id.to_ascii_lowercase());
    }
    if let Some(id) = &filter.compute_resource_id {
        builder.push(" AND r.compute_resource_id = ").push_bind(id.clone());
    }
    let by_image = " AND r.image_id IN (SELECT i.id FROM images i ";
    if let Some(id) = &filter.manifest_id {
        builder.push(by_image);
        builder.push("WHERE i.manifest_id = ").push_bind(id.to_ascii_lowercase()).push(")");
    }
    if let Some(name) = &filter.manifest_name {
        builder.push(by_image);
        builder.push("WHERE i.account_id = ").push_bind(account_id.to_owned());
        builder.push(" AND i.manifest_name = ").push_bind(name.clone()).push(")");
    }
    if let Some(id) = &filter.model_id {
        builder.push(by_image);
        builder.push("JOIN manifest_models u ON u.manifest_id = i.manifest_id ");
        builder.push("WHERE u.model_id = ").push_bind(id.to_ascii_lowercase()).push(")");
    }
    if let Some(name) = &filter.model_name {
        builder.push(by_image);
        builder.push("JOIN manifest_models u ON u.manifest_id = i.manifest_id ");
        builder.push("JOIN models o ON o.id = u.model_id ");
        builder.push("WHERE o.account_id = ").push_bind(account_id.to_owned());
        builder.push(" AND o.name = ").push_bind(name.clone()).push(")");
    }
}

/// An image that may be served, or a refusal before anything changes.
async fn ready_image(
    write: &mut Write,
    account: &AccountAccess,
    id: &str,
) -> Result<ImageId, ControlError> {
    const REMEDY: &str =
        "Send the `id` of an image whose `creationState` is Succeeded; `GET …/images` lists them.";
    let unknown = || ControlError::not_ready(format!("there is no image `{id}`"), REMEDY);
    let image_id: ImageId = id.parse().map_err(|_| unknown())?;
    let state: Option<String> =
        sqlx::query_scalar("SELECT state FROM images WHERE id = $1 AND account_id = $2")
            .bind(image_id.to_string())
            .bind(&account.account_id)
            .fetch_optional(&mut **write)
            .await?;
    let state = state.ok_or_else(unknown)?;
    if state != OperationState::Succeeded.as_str() {
        return Err(ControlError::not_ready(format!("the image `{id}` is {state}"), REMEDY));
    }
    Ok(image_id)
}

/// The name, unless another account on this server has it.
async fn public_name(write: &mut Write, name: &str, id: ServiceId) -> Result<String, ControlError> {
    let taken = sqlx::query("SELECT 1 FROM services WHERE public_name = $1")
        .bind(name)
        .fetch_optional(&mut **write)
        .await?;
    Ok(match taken {
        None => name.to_owned(),
        Some(_) => format!("{name}-{}", &id.to_string()[..8]),
    })
}

/// Accepts the operation that makes `wanted` so, and the deployment it makes.
async fn want(
    write: &mut Write,
    account: &AccountAccess,
    service_id: ServiceId,
    name: &str,
    wanted: &Wanted,
) -> Result<OperationId, ControlError> {
    let (deployment, service) = (DeploymentId(random::uuid()).to_string(), service_id.to_string());
    sqlx::query(
        "INSERT INTO deployments (id, account_id, service_id, service_name, image_id, state,
             created_at)
         VALUES ($1, $2, $3, $4, $5, 'NotStarted', $6)",
    )
    .bind(&deployment)
    .bind(&account.account_id)
    .bind(&service)
    .bind(name)
    .bind(wanted.image_id.to_string())
    .bind(clock::now())
    .execute(&mut **write)
    .await?;
    let new = NewOperation {
        account_id: &account.account_id,
        operation_type: OperationType::Service,
        resource_id: &service,
        resource_path: &account.path.service(&service),
        deployment_id: Some(&deployment),
        input: serde_json::to_string(wanted).map_err(ControlError::internal)?,
    };
    accept(write, new).await
}
