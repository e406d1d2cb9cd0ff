import type { Schemas } from '../../api/client/client.js';
import { visible } from '../ui/visible.js';

/** @returns what an attempt is called: its title, what it ran, or the beginning of its id */
export function titleOf({ title, command }: Pick<Schemas['Attempt'], 'title' | 'command'>, id: string): string {
  const name = [title, command].find((text) => text !== null && text.trim() !== '');
  return name == null ? id.slice(0, 8) : visible(name);
}
