/**
 * What SGR sequences (`ESC [ … m`) do to a style. The packages that read them (anser, ansi-sequence-parser) cannot start
 * from the style that an earlier line left, and drop it after `ESC [ K`, which GCC and grep write behind every colour.
 */
import { interned, PLAIN, type Color, type Style } from './style.js';

/** @param parameters what is between `ESC [` and `m` */
export function applySgr(style: Style, parameters: string): Style {
  let next = style;
  const codes = parameters.split(';');
  for (let index = 0; index < codes.length; index++) {
    const [code = 0, ...parts] = (codes[index] ?? '').split(':').map(Number);
    if (code === 38 || code === 48 || code === 58) {
      // both ways are in use: 38;2;R;G;B, and 38:2::R:G:B with the parts in one parameter
      const { color, used } = parts.length > 0 ? partsColor(parts) : listedColor(codes.slice(index + 1).map(Number));
      index += used;
      if (code === 38 && color) next = { ...next, foreground: color };
      if (code === 48 && color) next = { ...next, background: color };
    } else next = simple(next, code, parts[0]);
  }
  return next === style ? style : interned(next);
}

function simple(style: Style, code: number, part: number | undefined): Style {
  if (code >= 30 && code <= 37) return { ...style, foreground: { named: code - 30 } };
  if (code >= 90 && code <= 97) return { ...style, foreground: { named: code - 90 + 8 } };
  if (code >= 40 && code <= 47) return { ...style, background: { named: code - 40 } };
  if (code >= 100 && code <= 107) return { ...style, background: { named: code - 100 + 8 } };
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...style, bold: true };
    case 2:
      return { ...style, dim: true };
    case 3:
      return { ...style, italic: true };
    case 4:
      return { ...style, underline: part !== 0 };
    case 7:
      return { ...style, inverse: true };
    case 9:
      return { ...style, strike: true };
    case 21: // a second underline; some terminals end bold by it, which would hide nothing
      return { ...style, underline: true };
    case 22:
      return { ...style, bold: false, dim: false };
    case 23:
      return { ...style, italic: false };
    case 24:
      return { ...style, underline: false };
    case 27:
      return { ...style, inverse: false };
    case 29:
      return { ...style, strike: false };
    case 39:
      return { ...style, foreground: undefined };
    case 49:
      return { ...style, background: undefined };
    default: // blinking, hidden and fonts: text is shown, and stands still
      return style;
  }
}

interface ReadColor {
  color: Color;
  /** How many parameters it took. */
  used: number;
}

function listedColor([kind, ...values]: number[]): ReadColor {
  if (kind === 5) return { color: paletteColor(values[0]), used: 2 };
  if (kind === 2) return { color: rgbColor(values.slice(0, 3)), used: 4 };
  return { color: undefined, used: 0 };
}

function partsColor([kind, ...values]: number[]): ReadColor {
  if (kind === 5) return { color: paletteColor(values[0]), used: 0 };
  if (kind === 2) return { color: rgbColor(values.length > 3 ? values.slice(1, 4) : values), used: 0 };
  return { color: undefined, used: 0 };
}

const isByte = (value: number | undefined): value is number =>
  value !== undefined && Number.isInteger(value) && value >= 0 && value <= 255;

function rgbColor([red, green, blue]: number[]): Color {
  return isByte(red) && isByte(green) && isByte(blue) ? { rgb: (red << 16) | (green << 8) | blue } : undefined;
}

const CUBE = [0, 95, 135, 175, 215, 255];

/** The palette of 256: the 16 named ones, a cube of 6×6×6, and 24 greys. */
function paletteColor(index: number | undefined): Color {
  if (!isByte(index)) return undefined;
  if (index < 16) return { named: index };
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return { rgb: (grey << 16) | (grey << 8) | grey };
  }
  const [red, green, blue] = [36, 6, 1].map((step) => CUBE[Math.floor((index - 16) / step) % 6] ?? 0);
  return rgbColor([red ?? 0, green ?? 0, blue ?? 0]);
}
