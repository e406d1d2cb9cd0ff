import type { Schemas } from '../../api/client/client.js';

export interface Agent {
  version: string | null;
  /** Operating system and processor. */
  system: string | null;
}

/** What a node said of itself when it connected. Each field is there only if the node's agent sends it. */
export function agentOf(capabilities: Schemas['Node']['capabilities']): Agent {
  const text = (name: string): string | null => {
    const value = capabilities[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const system = [text('os'), text('arch')].filter((part) => part !== null).join(' ');
  return { version: text('version'), system: system === '' ? null : system };
}
