import type { AnyStudy } from './common/study.js';

/** All studies, by the word after `study:`; the web line's is `npm run study` itself. */
export const STUDIES: Readonly<Record<string, () => Promise<AnyStudy>>> = {
  'web-line': async () => (await import('./web-line.js')).study,
  alarms: async () => (await import('./alarms.js')).study,
  forecast: async () => (await import('./forecast.js')).study,
  'forecast-shapes': async () => (await import('./forecast-shapes.js')).study,
  'latent-heat': async () => (await import('./latent-heat.js')).study,
  lid: async () => (await import('./lid.js')).study,
  peers: async () => (await import('./peers.js')).study,
  plan: async () => (await import('./plan.js')).study,
  real: async () => (await import('./real.js')).study,
  transient: async () => (await import('./transient.js')).study,
  unseen: async () => (await import('./unseen/study.js')).study,
  wear: async () => (await import('./wear/study.js')).study,
};
