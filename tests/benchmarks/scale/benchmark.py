"""The three parts of the scale benchmark, one after the other."""

from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.scale import connections, processes, redis


async def measure(options: Options) -> Report:
    report = Report()
    for part in (processes, connections, redis):
        report.merge(await part.measure(options))
    return report
