"""What most people deploy: FastAPI on uvicorn (uvloop, httptools) around onnxruntime. Arguments: model, port.

The handler is `async` and runs the model in the event loop: for a model of microseconds a thread pool would only
add its own cost. One worker with one thread, as the documentation of either has it.
"""

import sys

import numpy
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name
app = FastAPI()


class Rows(BaseModel):
    data: list[list[float]]


@app.post("/score")
async def score(rows: Rows):
    _, odds = session.run(None, {input_name: numpy.asarray(rows.data, dtype=numpy.float32)})
    return {"predict_proba": odds.tolist()}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False)
