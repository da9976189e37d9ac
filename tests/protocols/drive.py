"""Drives a running server with other people's clients and prints what they made of its answers, as JSON.

Reads `{"url", "tensors": {"service", "key", "rows"}, "table": {"service", "key", "columns", "rows"}}` from stdin:
`tensors` is scored through the Open Inference Protocol with `tritonclient` (JSON, binary, compressed) and with the
protocol's generated client, `table` through the request-response service with the classic `azureml` package.
"""

import json
import sys

import httpx
import numpy
import tritonclient.http
from azureml import services
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.types.inference_request import InferenceRequest
from open_inference.openapi.types.request_input import RequestInput
from open_inference.openapi.types.tensor_data import TensorData


def triton(url, service, key, rows):
    headers = {"Authorization": f"Bearer {key}"}
    client = tritonclient.http.InferenceServerClient(url.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready()
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.is_model_ready(service, headers=headers)
    assert not client.is_model_ready("nobody", headers=headers)
    metadata = client.get_model_metadata(service, headers=headers)
    (tensor,) = metadata["inputs"]
    values = numpy.asarray(rows, dtype=numpy.float32)
    answers = {}
    for name, binary, packing in [("json", False, None), ("binary", True, None), ("packed", True, "gzip"),
                                  ("deflated", False, "deflate")]:
        given = tritonclient.http.InferInput(tensor["name"], list(values.shape), tensor["datatype"])
        given.set_data_from_numpy(values, binary_data=binary)
        wanted = [tritonclient.http.InferRequestedOutput(output["name"], binary_data=binary)
                  for output in metadata["outputs"]]
        # The client adds its own headers to the dictionary that it is given.
        result = client.infer(service, [given], outputs=wanted, headers=dict(headers), request_id=name,
                              request_compression_algorithm=packing, response_compression_algorithm=packing)
        assert result.get_response()["id"] == name
        answers[name] = {output["name"]: result.as_numpy(output["name"]).tolist() for output in metadata["outputs"]}
    version = metadata["versions"][0]
    assert client.is_model_ready(service, model_version=version, headers=headers)
    try:
        wrong = tritonclient.http.InferInput("nothing", [1, 1], "FP32")
        wrong.set_data_from_numpy(numpy.zeros((1, 1), dtype=numpy.float32))
        client.infer(service, [wrong], headers=dict(headers))
    except tritonclient.http.InferenceServerException as error:
        answers["refusal"] = error.message()
    client.close()
    return answers


def open_inference(url, service, key, rows):
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http:
        client = OpenInferenceClient(base_url=url, httpx_client=http)
        client.check_server_liveness()
        client.check_server_readiness()
        client.check_model_readiness(service)
        tensor = client.read_model_metadata(service).inputs[0]
        flat = [value for row in rows for value in row]
        given = RequestInput(name=tensor.name, shape=[len(rows), len(rows[0])], datatype=tensor.datatype,
                             data=TensorData.parse_obj(flat))
        result = client.model_infer(service, request=InferenceRequest(id="generated", inputs=[given]))
        return {output.name: output.data.dict()["__root__"] for output in result.outputs}


def azureml(url, service, key, columns, rows):
    address = f"{url}/workspaces/any/services/{service}/execute?api-version=2.0&details=true"

    # The package takes the columns from the parameters' names, by a way that newer Pythons have closed; a schema of
    # the columns goes around it.
    names = {}
    exec(f"def score({', '.join(columns)}): pass", names)
    typed = services.types(**{column: float for column in columns})(names["score"])
    typed = services.dataframe_service(**{column: float for column in columns})(typed)
    score = services.service(address, key)(services.returns(float)(typed))
    return {"each": [score(*row) for row in rows], "mapped": score.map(*zip(*rows))}


told = json.load(sys.stdin)
url = told["url"]
print(json.dumps({
    "triton": triton(url, **told["tensors"]),
    "openInference": open_inference(url, **told["tensors"]),
    "azureml": azureml(url, **told["table"]),
}))
