/** How a terminal would show a piece of text. Equal styles are the same object, so that they are compared by identity. */

/** One of the 16 named colours (0 to 15), or a colour of its own as 0xRRGGBB; undefined is the terminal's own colour. */
export type Color = { named: number } | { rgb: number } | undefined;

export interface Style {
  readonly foreground: Color;
  readonly background: Color;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
  readonly strike: boolean;
}

export const PLAIN: Style = {
  foreground: undefined,
  background: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  strike: false,
};

/** A hostile log can make a new colour with every character: then the table begins again, and only speed is lost. */
const MAX_STYLES = 4096;
const styles = new Map<string, Style>([[keyOf(PLAIN), PLAIN]]);

export function interned(style: Style): Style {
  const key = keyOf(style);
  const known = styles.get(key);
  if (known) return known;
  if (styles.size >= MAX_STYLES) {
    styles.clear();
    styles.set(keyOf(PLAIN), PLAIN);
  }
  styles.set(key, style);
  return style;
}

function keyOf({ foreground, background, bold, dim, italic, underline, inverse, strike }: Style): string {
  const flags = [bold, dim, italic, underline, inverse, strike].map(Number).join('');
  return `${colorKey(foreground)},${colorKey(background)},${flags}`;
}

function colorKey(color: Color): string {
  if (!color) return '';
  return 'named' in color ? `n${color.named}` : `#${color.rgb}`;
}
