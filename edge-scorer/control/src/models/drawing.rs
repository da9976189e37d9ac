//! What a model looks like inside, read by a child each time: drawings are asked for by people, and
//! are not worth a place in the store.

use shared::{ErrorCode, Graph, GraphCosts};

use crate::{
    AccountAccess, Control, ControlError,
    child::{Outcome, Task},
    images::DEFAULT_PROFILE,
};

impl Control {
    /// The model's operators as a graph of bounded size.
    pub async fn model_graph(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Graph, ControlError> {
        match self.look_inside(Task::Draw, account, id).await? {
            Outcome::Drawn(graph) => Ok(graph),
            other => Err(ControlError::internal(format!("a child answered {other:?}"))),
        }
    }

    /// How long each of the model's operators takes on this machine, by its place in the graph.
    pub async fn model_costs(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<GraphCosts, ControlError> {
        match self.look_inside(Task::Measure { profile: DEFAULT_PROFILE }, account, id).await? {
            Outcome::Measured(costs) => Ok(costs),
            other => Err(ControlError::internal(format!("a child answered {other:?}"))),
        }
    }

    async fn look_inside(
        &self,
        task: Task,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Outcome, ControlError> {
        let model = self.model(account, id).await?;
        let Some(sha256) = &model.sha256 else {
            return Err(ControlError::NotYet {
                message: "the model's bytes were not read yet".to_owned(),
                remedy: "Build an image of the model; its address is read then.".to_owned(),
            });
        };
        let (source, unpack) = (self.inner.blobs.file(sha256), model.unpack.unwrap_or(false));
        let finished = self.inner.children.run(task, source, unpack, |_| {}).await?;
        match finished.outcome {
            Outcome::Refused(refusal) if refusal.code == ErrorCode::Internal => {
                Err(ControlError::internal(refusal.message))
            }
            Outcome::Refused(refusal) => Err(refusal.into()),
            outcome => Ok(outcome),
        }
    }
}
