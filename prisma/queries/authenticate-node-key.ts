import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../database.js';
import { storableText } from '../text.js';
import { excludeAbsence } from './v1/outstanding-requests.js';
import { forgetHiveRevisions } from './v1/forget-hive-revisions.js';

/** A node that says who it is. */
export interface NodeIntroduction {
  keyHash: string;
  machineId: string;
  name: string;
  capabilities: object;
  /** Which machine the node runs on; empty if it does not say. Version 1 nodes do not. */
  hosts: string[];
  publicUrl: string | null;
  protocolVersion: number;
  /** The markers that the node holds; undefined if it does not know about markers. */
  markers?: string[] | undefined;
}

export interface AuthenticatedNode {
  nodeId: string;
  organizationId: string;
  apiKeyId: string;
  /** Drawn when the login began: of two logins of a node, the one that began later has the higher one. */
  fence: bigint;
  /** Those of the node's markers that the database contains; undefined if the node does not know about markers. */
  knownMarkers?: string[] | undefined;
}

export type NodeAuthentication = { accepted: true; node: AuthenticatedNode } | { accepted: false; error: string };

interface KeyRow {
  id: string;
  organizationId: string;
  nodeId: string | null;
  machineId: string | null;
  isRevoked: boolean;
  blockedReason: string | null;
  /** The node it is bound to has not been heard from for ABSENCE_SECONDS. */
  isNodeAbsent: boolean;
  takeovers: number;
  /** Of the node that it is bound to; null if that has never connected. */
  nodeName: string | null;
  nodeHosts: string[] | null;
  isNodeConnected: boolean;
}

const TAKEOVER_WINDOW_SECONDS = 5 * 60;
/** The maximum number of refused takeovers within the window; one more blocks the key, as at the original hive. */
const TAKEOVERS_ALLOWED = 3;
/** Version 1: if a key's node has been silent for this long, it may have moved to another machine. */
const ABSENCE_SECONDS = 90;
/** Characters of a node's name in a refusal. */
const SHOWN_NAME = 100;

/**
 * Checks a node's API key and binds it to the first machine that uses it. A new machine becomes a new node of the
 * key's organisation; a new key on a known machine leads to the same node. The errors are worded as the original hive
 * words them.
 *
 * A key that another machine keeps trying is blocked, because it may be stolen. A second store of the machine that it is
 * bound to is only refused: a test, say, that started an agent of its own with the key that it inherited.
 *
 * Version 1: the nodes on one host have the same machine_id, so only the key identifies a node. The key may move to
 * another machine once its node is gone.
 */
export async function authenticateNode(db: Database, introduction: NodeIntroduction): Promise<NodeAuthentication> {
  const { keyHash, markers } = introduction;
  const [known] = await db.$queryRaw<{ fence: bigint; markers: string[] }[]>`
    SELECT nextval('lease_fence') AS fence,
      ARRAY(SELECT m.id::text FROM history_marker m WHERE m.id = ANY (${markers ?? []}::uuid[])) AS markers
    FROM node_api_key WHERE key_hash = ${keyHash}`;
  if (!known) return refuse('invalid API key'); // nodes retry this forever, so it costs no transaction
  return db.$transaction(async (tx) => {
    const key = await lockKey(tx, keyHash);
    if (!key) return refuse('invalid API key');
    if (key.isRevoked) return refuse('API key revoked');
    if (key.blockedReason !== null) return refuse(`API key blocked: ${key.blockedReason}`);
    const machineId = storableText(introduction.machineId);
    const isOtherMachine = key.machineId !== null && key.machineId !== machineId;
    if (isOtherMachine && !(introduction.protocolVersion === 1 && key.isNodeAbsent)) {
      if (isSameHost(key, introduction)) return refuse(otherStore(key));
      return countTakeover(tx, key, introduction.protocolVersion);
    }
    const nodeId = await upsertNode(tx, key, introduction);
    await tx.$executeRaw`
      UPDATE node_api_key SET node_id = ${nodeId}::uuid, machine_id = ${machineId}, last_used_at = now()
      WHERE id = ${key.id}::uuid`;
    const { fence } = known;
    const node = { nodeId, organizationId: key.organizationId, apiKeyId: key.id, fence };
    return { accepted: true, node: { ...node, knownMarkers: markers && known.markers } };
  });
}

function refuse(error: string): NodeAuthentication {
  return { accepted: false, error };
}

function isSameHost({ nodeHosts }: KeyRow, { hosts }: NodeIntroduction): boolean {
  return hosts.some((host) => nodeHosts?.includes(host));
}

function otherStore({ nodeName, isNodeConnected }: KeyRow): string {
  const node = JSON.stringify((nodeName ?? '').slice(0, SHOWN_NAME));
  return (
    `this API key belongs to another store of this machine, that of the node ${node}, ` +
    `which ${isNodeConnected ? 'stays connected' : 'is not connected now'}; nothing was blocked. ` +
    'Use that store (NODE_DATA_DIR), or give this one a key of its own.'
  );
}

async function lockKey(tx: Queryable, keyHash: string): Promise<KeyRow | undefined> {
  const [key] = await tx.$queryRaw<KeyRow[]>`
    SELECT k.id, k.organization_id AS "organizationId", k.node_id AS "nodeId", k.machine_id AS "machineId",
           k.revoked_at IS NOT NULL AS "isRevoked",
           CASE WHEN k.blocked_at IS NOT NULL THEN COALESCE(k.blocked_reason, 'by an administrator') END AS "blockedReason",
           COALESCE(n.last_heartbeat_at > now() - make_interval(secs => ${ABSENCE_SECONDS}), false) IS FALSE AS "isNodeAbsent",
           CASE WHEN k.takeover_window_start > now() - make_interval(secs => ${TAKEOVER_WINDOW_SECONDS})
                THEN k.takeover_count ELSE 0 END AS takeovers,
           n.name AS "nodeName", n.capabilities->'hosts' AS "nodeHosts",
           EXISTS (SELECT FROM node_lease l WHERE l.node_id = k.node_id AND l.expires_at > now()) AS "isNodeConnected"
    FROM node_api_key k LEFT JOIN node n ON n.id = k.node_id WHERE k.key_hash = ${keyHash} FOR UPDATE OF k`;
  return key;
}

async function countTakeover(tx: Queryable, key: KeyRow, protocolVersion: number): Promise<NodeAuthentication> {
  const count = key.takeovers + 1;
  const blockedReason = count > TAKEOVERS_ALLOWED ? 'another machine tried to use it repeatedly' : null;
  await tx.$executeRaw`
    UPDATE node_api_key SET takeover_count = ${count}::int,
      takeover_window_start = CASE WHEN ${count}::int = 1 THEN now() ELSE takeover_window_start END,
      blocked_at = CASE WHEN ${blockedReason}::text IS NOT NULL THEN now() END, blocked_reason = ${blockedReason}
    WHERE id = ${key.id}::uuid`;
  if (blockedReason !== null) return refuse(`API key blocked: ${blockedReason}`);
  return refuse(
    `takeover detected: Another machine is using this API key. Attempt ${count} of ${TAKEOVERS_ALLOWED}. ` +
      (protocolVersion === 1
        ? 'Wait for the other node to go offline or contact admin.'
        : 'Use a key of its own for each machine, or contact an administrator.'),
  );
}

async function upsertNode(tx: Queryable, key: KeyRow, introduction: NodeIntroduction): Promise<string> {
  const { protocolVersion } = introduction;
  const machineId = storableText(introduction.machineId);
  const name = storableText(introduction.name);
  const capabilities = JSON.stringify(introduction.capabilities);
  const publicUrl = introduction.publicUrl === null ? null : storableText(introduction.publicUrl);
  const known = key.nodeId ?? (protocolVersion === 1 ? undefined : await findByMachine(tx, key, machineId));
  if (known === undefined) {
    const id = randomUUID();
    await tx.$executeRaw`
      INSERT INTO node (id, organization_id, name, machine_id, capabilities, public_url, protocol_version,
                        connected_at, last_heartbeat_at, updated_at)
      VALUES (${id}::uuid, ${key.organizationId}::uuid, ${name}, ${machineId}, ${capabilities}::json, ${publicUrl},
              ${protocolVersion}::int, now(), now(), now())`;
    return id;
  }
  if (protocolVersion === 1) await excludeAbsence(tx, known);
  else await forgetHiveRevisions(tx, known);
  await tx.$executeRaw`
    UPDATE node SET name = ${name}, machine_id = ${machineId}, capabilities = ${capabilities}::json, public_url = ${publicUrl},
      protocol_version = ${protocolVersion}::int, status = 'online',
      connected_at = now(), former_heard_at = last_heartbeat_at, last_heartbeat_at = now(), disconnected_at = NULL, updated_at = now()
    WHERE id = ${known}::uuid`;
  return known;
}

async function findByMachine(tx: Queryable, key: KeyRow, machineId: string): Promise<string | undefined> {
  const [node] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM node WHERE organization_id = ${key.organizationId}::uuid AND machine_id = ${machineId} LIMIT 1`;
  return node?.id;
}
