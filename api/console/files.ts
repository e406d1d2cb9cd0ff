/** The built console, read into memory when the hive starts: about 40 small files, each also compressed in advance. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { weakEntityTag } from '../conditional.js';

export const ENCODINGS = ['br', 'gzip'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** What the build appends to a file's name. */
const SUFFIXES: Record<Encoding, string> = { br: '.br', gzip: '.gz' };

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

export interface ConsoleFile {
  type: string;
  /** Weak: the same content comes in several encodings. */
  etag: string;
  content: Buffer;
  encoded: Partial<Record<Encoding, Buffer>>;
}

/** By their path below the folder, with slashes. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

/** @returns undefined if there is no console in the folder */
export function readConsoleFiles(folder: string): ConsoleFiles | undefined {
  const contents = new Map(pathsIn(folder).map((path) => [path, readFileSync(join(folder, path))]));
  const files = new Map<string, ConsoleFile>();
  for (const [path, content] of contents) {
    const type = TYPES[extname(path)];
    if (type === undefined) continue; // compressed ones, and what a browser is not meant to have
    const encoded: ConsoleFile['encoded'] = {};
    for (const encoding of ENCODINGS) {
      const compressed = contents.get(path + SUFFIXES[encoding]);
      if (compressed) encoded[encoding] = compressed;
    }
    files.set(path.split(sep).join('/'), { type, etag: weakEntityTag(content), content, encoded });
  }
  return files.has('index.html') ? files : undefined;
}

function pathsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
