/** What a benchmark finds out: one JSON object per line. */

export interface Figure {
  benchmark: string;
  metric: string;
  unit: string;
  value: number;
  /** Measured in the same run; null if the goal is absolute or there is none. */
  baseline: number | null;
  /** What must be true of `ratio` or `value`; null if the figure is only for information. */
  goal: string | null;
  /** What the value or the baseline is. */
  note?: string;
}

export function printFigure(figure: Figure): void {
  const { benchmark, metric, unit, value, baseline, goal, note } = figure;
  const ratio = baseline === null || baseline === 0 ? null : round(value / baseline);
  const line = { benchmark, metric, unit, value: round(value), baseline: baseline === null ? null : round(baseline) };
  say(JSON.stringify({ ...line, ratio, goal, ...(note !== undefined && { note }) }));
}

/** Prints progress on standard error, because standard output is for figures. */
export function progress(text: string): void {
  process.stderr.write(`# ${text}\n`);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Interpolates between the two nearest values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
