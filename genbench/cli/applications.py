"""The command and its groups, which the other files hang their commands on."""

import typer

app: typer.Typer = typer.Typer(
    name="genbench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
list_app: typer.Typer = typer.Typer(
    no_args_is_help=True, help="What is registered, and what was run."
)
data_app: typer.Typer = typer.Typer(
    no_args_is_help=True, help="Dataset files: list, fetch, import, verify."
)
figure_app: typer.Typer = typer.Typer(no_args_is_help=True, help="Pictures of results.")
features_app: typer.Typer = typer.Typer(
    no_args_is_help=True, help="Networks whose outputs metrics compare: list, check, train, import."
)
experiment_app: typer.Typer = typer.Typer(
    no_args_is_help=True, help="One factor at a time from a recipe: run, table."
)
app.add_typer(list_app, name="list")
app.add_typer(data_app, name="data")
app.add_typer(experiment_app, name="experiment")
app.add_typer(figure_app, name="figure")
app.add_typer(features_app, name="features")
