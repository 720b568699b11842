"""Azure Batch AI on Kubernetes: models, planner, engine, handlers and the `batchai` command.

The rooms are layers, from the entry points (`cli`, `main`) down to the vocabulary (`names`,
`errors`); `docs/architecture.md` describes them and import-linter guards them.
"""

__version__ = "0.1.0"
