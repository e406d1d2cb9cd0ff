import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';

/** One line about the machine; the load tells whether it had other things to do. */
export function hardware(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const gib = (totalmem() / 2 ** 30).toFixed(1);
  const load = loadavg().map((value) => value.toFixed(1));
  return JSON.stringify({
    hardware: `${availableParallelism()} cores (${model}), ${gib} GiB, ${platform()} ${release()}, Node ${process.version}`,
    load_average: load.join(' '),
    started: new Date().toISOString(),
  });
}
