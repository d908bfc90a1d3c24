import subprocess
import sys


def test_a_run_does_not_import_what_only_reports_of_sweeps_need() -> None:
    names = ("experiment.run", "report.console.run_line", "report.console.progress", "tracking.logger")
    code = (
        f"import sys, {', '.join(f'prunesweep.{name}' for name in names)}\n"
        "print({'matplotlib', 'scipy', 'pandas', 'optuna'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
