import type { NodeApiKey } from '../generated/client.js';
import type { Database, Queryable } from '../client.js';
import { storableText } from '../text.js';

/** A node that says who it is. */
export interface NodeIntroduction {
  keyHash: string;
  machineId: string;
  name: string;
  capabilities: object;
  publicUrl: string | null;
  protocolVersion: number;
}

export interface AuthenticatedNode {
  nodeId: string;
  organizationId: string;
  apiKeyId: string;
}

export type NodeAuthentication = { accepted: true; node: AuthenticatedNode } | { accepted: false; error: string };

const TAKEOVER_WINDOW_MS = 5 * 60_000;
/** So many refused takeovers within the window leave the key usable; one more blocks it (as at the original hive). */
const TAKEOVERS_ALLOWED = 3;

/**
 * Checks a node's API key and binds it to the first machine that uses it. A new machine becomes a new node of the
 * key's organisation; a new key of a known machine leads to the same node. The errors' wording is the original hive's.
 */
export function authenticateNode(db: Database, introduction: NodeIntroduction): Promise<NodeAuthentication> {
  return db.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM node_api_key WHERE key_hash = ${introduction.keyHash} FOR UPDATE`;
    const key = await tx.nodeApiKey.findUnique({ where: { keyHash: introduction.keyHash } });
    if (!key) return refuse('invalid API key');
    if (key.revokedAt) return refuse('API key revoked');
    if (key.blockedAt) return refuse(`API key blocked: ${key.blockedReason ?? 'by an administrator'}`);
    if (key.machineId !== null && key.machineId !== storableText(introduction.machineId)) return countTakeover(tx, key);
    const nodeId = await upsertNode(tx, key, introduction);
    await tx.nodeApiKey.update({
      where: { id: key.id },
      data: { nodeId, machineId: storableText(introduction.machineId), lastUsedAt: new Date() },
    });
    return { accepted: true, node: { nodeId, organizationId: key.organizationId, apiKeyId: key.id } };
  });
}

function refuse(error: string): NodeAuthentication {
  return { accepted: false, error };
}

async function countTakeover(tx: Queryable, key: NodeApiKey): Promise<NodeAuthentication> {
  const now = Date.now();
  const inWindow = key.takeoverWindowStart !== null && now - key.takeoverWindowStart.getTime() < TAKEOVER_WINDOW_MS;
  const count = inWindow ? key.takeoverCount + 1 : 1;
  const blocked = count > TAKEOVERS_ALLOWED;
  await tx.nodeApiKey.update({
    where: { id: key.id },
    data: {
      takeoverCount: count,
      takeoverWindowStart: inWindow ? key.takeoverWindowStart : new Date(now),
      ...(blocked && { blockedAt: new Date(now), blockedReason: 'another machine tried to use it repeatedly' }),
    },
  });
  return refuse(
    blocked
      ? 'API key blocked: another machine tried to use it repeatedly'
      : `takeover detected: Another machine is using this API key. Attempt ${count} of ${TAKEOVERS_ALLOWED}. ` +
          'Use a key of its own for each machine, or contact an administrator.',
  );
}

async function upsertNode(tx: Queryable, key: NodeApiKey, introduction: NodeIntroduction): Promise<string> {
  const { capabilities, protocolVersion } = introduction;
  const machineId = storableText(introduction.machineId);
  const name = storableText(introduction.name);
  const publicUrl = introduction.publicUrl === null ? null : storableText(introduction.publicUrl);
  const known =
    key.nodeId ??
    (await tx.node.findFirst({ where: { organizationId: key.organizationId, machineId }, select: { id: true } }))?.id;
  const description = { name, machineId, capabilities, publicUrl, protocolVersion, status: 'online' };
  const presence = { connectedAt: new Date(), lastHeartbeatAt: new Date(), disconnectedAt: null };
  if (known === undefined) {
    const { id } = await tx.node.create({ data: { ...description, ...presence, organizationId: key.organizationId } });
    return id;
  }
  await tx.node.update({ where: { id: known }, data: { ...description, ...presence } });
  return known;
}
