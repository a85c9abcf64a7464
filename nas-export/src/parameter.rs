//! The numbers of a layer.

use candle_core::Tensor;
use nas_eval::Model;
use nas_space::network::Layer;

use crate::error::ExportError;

/// The parameter or running statistic of a layer that is called `suffix`.
pub(crate) fn parameter(model: &Model, layer: &Layer, suffix: &str) -> Result<Tensor, ExportError> {
    let name = format!("{}.{suffix}", layer.name);
    let parameters = model.parameters();
    match (parameters.get(&name), parameters.buffer(&name)) {
        (Some(parameter), _) => Ok(parameter.var.as_detached_tensor()),
        (None, Some(buffer)) => Ok(buffer.get()?),
        (None, None) => Err(ExportError::Mismatch {
            what: "a parameter of the model",
            got: "missing".to_owned(),
            expected: name,
        }),
    }
}
