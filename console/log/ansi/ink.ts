/**
 * What a style looks like on the page. The 16 named colours are CSS variables that each theme defines with enough contrast
 * (log-colors.css). Any other colour is kept as it is if it can be read, and otherwise moved towards black or white until
 * it can. On a background of its own, text has the colour that it asks for only if it can be read there.
 */
import type { Color, Style } from './style.js';

export interface Ink {
  class: string;
  /** Set through the CSSOM, which the content security policy allows. */
  style: Record<string, string> | undefined;
}

/** WCAG AA for text of this size. */
const CONTRAST = 4.5;
/** The lightest and the darkest that a row can be behind its text: marked, or under the pointer. */
const LIGHT_PAGE = 0xfdf1d8;
const DARK_PAGE = 0x3a2f14;

/** As xterm has them. They are the same in both themes, because they are seen only behind text, or on it. */
const NAMED = [
  0x000000, 0xcd3131, 0x0d8a4f, 0xb58900, 0x2472c8, 0xa53ba5, 0x11849b, 0xd8d8d8, 0x666666, 0xe0524d, 0x23b268,
  0xd7ba00, 0x3b8eea, 0xd670d6, 0x29b8db, 0xffffff,
];

const inks = new WeakMap<Style, Ink>();

export function inkOf(style: Style): Ink {
  let ink = inks.get(style);
  if (!ink) {
    ink = makeInk(style);
    inks.set(style, ink);
  }
  return ink;
}

function makeInk(style: Style): Ink {
  const { bold, dim, italic, underline, inverse, strike } = style;
  const classes = Object.entries({ bold, italic, underline, strike })
    .filter(([, on]) => on)
    .map(([name]) => `log-${name}`);
  const [front, back] = inverse ? [style.background, style.foreground] : [style.foreground, style.background];
  if (inverse && !back) {
    // the page's own colours are swapped: what was its text is behind the text now
    return { class: [...classes, 'log-inverse'].join(' '), style: undefined };
  }
  if (back) return { class: classes.join(' '), style: onBackground(rgbOf(back), front) };
  if (!front) return { class: [...classes, ...(dim ? ['log-dim'] : [])].join(' '), style: undefined };
  if ('named' in front) return { class: [...classes, `log-color-${front.named}`].join(' '), style: undefined };
  return { class: classes.join(' '), style: { color: onPage(front.rgb) } };
}

const rgbOf = (color: Exclude<Color, undefined>): number => ('named' in color ? (NAMED[color.named] ?? 0) : color.rgb);

function onBackground(back: number, front: Color): Record<string, string> {
  const asked = front && rgbOf(front);
  const black = contrast(0x000000, back);
  const readable = black >= contrast(0xffffff, back) ? 0x000000 : 0xffffff;
  const color = asked !== undefined && contrast(asked, back) >= CONTRAST ? asked : readable;
  return { color: css(color), 'background-color': css(back) };
}

function onPage(rgb: number): string {
  return `light-dark(${css(readableOn(LIGHT_PAGE, rgb, 0x000000))}, ${css(readableOn(DARK_PAGE, rgb, 0xffffff))})`;
}

const STEPS = 16;

/** @returns the colour, moved towards `end` no further than it needs to be read on `page` */
export function readableOn(page: number, rgb: number, end: number): number {
  for (let step = 0; step < STEPS; step++) {
    const mixed = mix(rgb, end, step / STEPS);
    if (contrast(mixed, page) >= CONTRAST) return mixed;
  }
  return end;
}

function mix(from: number, to: number, share: number): number {
  return channels(from).reduce((sum, value, index) => {
    const other = channels(to)[index] ?? 0;
    return (sum << 8) | Math.round(value + (other - value) * share);
  }, 0);
}

/** By WCAG: from 1 (the same) to 21 (black on white). */
export function contrast(one: number, other: number): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(rgb: number): number {
  const [red = 0, green = 0, blue = 0] = channels(rgb).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const channels = (rgb: number): number[] => [(rgb >> 16) & 255, (rgb >> 8) & 255, rgb & 255];

const css = (rgb: number): string => `#${rgb.toString(16).padStart(6, '0')}`;
