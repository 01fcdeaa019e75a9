import { dirname, resolve } from 'node:path';
import {
  type DeploymentConfig,
  deploymentSchema,
  type FleetConfig,
  fleetSchema,
  loadConfig,
  type TwinDefinition,
  twinSchema,
} from '../../shared/config/index.js';

/** A deployment with its fleet. */
export interface DeploymentFiles {
  config: DeploymentConfig;
  fleet: FleetConfig;
  fleetPath: string;
}

/** Reads a deployment and its fleet. @throws TwinError `FILE_NOT_FOUND`; ConfigError */
export async function readDeploymentFiles(path: string): Promise<DeploymentFiles> {
  const config = await loadConfig(deploymentSchema, path, 'deployment');
  const fleetPath = resolve(dirname(resolve(path)), config.fleet);
  return { config, fleet: await loadConfig(fleetSchema, fleetPath, 'fleet'), fleetPath };
}

/** The definitions of a fleet's twins, and where they lie. @throws as {@link readDeploymentFiles} */
export async function readTwins({ fleet, fleetPath }: DeploymentFiles): Promise<{
  twins: ReadonlyMap<string, TwinDefinition>;
  twinPaths: ReadonlyMap<string, string>;
}> {
  const twins = new Map<string, TwinDefinition>();
  const twinPaths = new Map<string, string>();
  for (const [name, twin] of Object.entries(fleet.twins)) {
    const twinPath = resolve(dirname(fleetPath), twin);
    twinPaths.set(name, twinPath);
    twins.set(name, await loadConfig(twinSchema, twinPath, 'twin'));
  }
  return { twins, twinPaths };
}
