/** Sizes as people write and read them: `2GB`, `500 MiB`. */
const UNITS = ['', 'k', 'm', 'g', 't'];

/**
 * @param text a number with a unit: kB, MB, GB, TB (of 1000), KiB, MiB, GiB, TiB or K, M, G, T (of 1024)
 * @returns undefined if it is something else; a number alone, too, because a forgotten unit would remove nearly all
 */
export function bytesOf(text: string): number | undefined {
  const [, number, prefix, rest] = /^(\d+(?:\.\d+)?) ?([kmgt])(b|ib)?$/i.exec(text.trim()) ?? [];
  if (number === undefined || prefix === undefined) return undefined;
  const base = rest?.toLowerCase() === 'b' ? 1000 : 1024;
  return Math.round(Number(number) * base ** UNITS.indexOf(prefix.toLowerCase()));
}

/** @returns for example `12.3 MB` */
export function showBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  const digits = power === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${['B', 'kB', 'MB', 'GB', 'TB'][power] ?? 'B'}`;
}
