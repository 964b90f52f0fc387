"""Other people's models in, this library's models out: four islands, none of which knows another.

tflite/  other people's int8 models, code for code
onnx/    float networks in and out; programs out
page/    a page that draws, reads and shows, in a browser
c/       a program as C99, for chips
"""
