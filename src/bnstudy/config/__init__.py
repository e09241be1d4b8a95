"""From YAML to a typed configuration: reading, precedence, validation, messages.

Imports pydantic, PyYAML and `errors`; never TensorFlow.
"""
