"""From YAML to a typed configuration: reading, precedence, validation, messages.

Imports pydantic, PyYAML, `paths` and `errors`; never TensorFlow.
"""
