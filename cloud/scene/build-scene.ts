import type { TwinDefinition, TwinLayout } from '../../shared/config/index.js';
import {
  gaugeOf,
  type NodePlace,
  type OwnModel,
  partNames,
  tangentBetween,
} from '../../shared/scene/index.js';
import type {
  SceneComponent,
  SceneDocument,
  SceneNode,
  ValueDataBinding,
  Vector3,
} from './scene-document.js';
import { colourRule, tagRule } from './scene-rules.js';

/** The component of an entity that carries the streams of its twin. */
export const TWIN_COMPONENT = 'twin';
/** The scene's variable for the entity: one scene serves every asset of a twin. */
export const ENTITY_VARIABLE = 'sel_entity';
const INFO_ICON = 'iottwinmaker.common.icon:Info';
const FOV_DEGREES = 45;

/** A quantity that the scene shows. */
type Shown = TwinDefinition['virtualSensors'][number];

export interface BuiltScene {
  document: SceneDocument;
  /** Variables that TwinMaker cannot show: their names are no names of its properties. */
  skipped: string[];
}

export interface SceneOptions {
  /** Where the model is: absolute, or relative to the scene. */
  modelUri: string;
  /** Entity that is shown where the viewer names none. */
  entityId: string;
}

/** Whether TwinMaker can show a stream of this name, and compute with it in rules. */
export function isPropertyName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/**
 * A TwinMaker scene of a twin: the model, a camera, lights, a tag at every roller and span of web, or at
 * every bound node of a model of one's own, with the values behind it, and rules that colour parts and
 * change tags at their limits.
 *
 * @param own model of one's own, where the twin's picture is one
 * @returns undefined when the twin has neither a layout nor a model
 */
export function buildScene(
  twin: TwinDefinition,
  options: SceneOptions,
  own?: OwnModel,
): BuiltScene | undefined {
  const builder = new SceneBuilder(twin, options);
  if (own !== undefined) return builder.ofModel(own);
  return twin.layout === undefined ? undefined : builder.ofLayout(twin.layout);
}

/** Where a node of the scene is beside its parent; turned about x, y, z, radians. */
interface Place {
  position: Vector3;
  rotation?: Vector3;
  scale?: Vector3;
}

class SceneBuilder {
  readonly #twin: TwinDefinition;
  readonly #options: SceneOptions;
  readonly #shown: ReadonlyMap<string, Shown>;
  readonly #nodes: SceneNode[] = [];
  readonly #rules: SceneDocument['rules'] = {};
  readonly #skipped = new Set<string>();

  constructor(twin: TwinDefinition, options: SceneOptions) {
    this.#twin = twin;
    this.#options = options;
    const shown = [...twin.measured, ...twin.parameters, ...twin.virtualSensors];
    this.#shown = new Map(shown.map((s) => [s.variable, s]));
  }

  ofLayout(layout: TwinLayout): BuiltScene {
    const { components, spans } = layout;
    const names = partNames(layout);
    const model = this.#model();
    const children: number[] = [];
    for (const c of components) {
      const name = names.component(c.id);
      const drag = this.#find(c.drag);
      const speed = this.#find(c.speed);
      const above: Vector3 = [c.x, c.y + 1.8 * c.radiusM, 0];
      // A sub-model takes its node's place as its own, so it must be the one it has in the model.
      children.push(...this.#shader(name, { position: [c.x, c.y, 0] }, drag));
      children.push(...this.#tag(c.id, above, drag ?? speed, [drag, speed, this.#find(c.slip)]));
    }
    const byId = new Map(components.map((c) => [c.id, c]));
    for (const span of spans) {
      const tension = this.#find(span.tension);
      const [a, b] = [byId.get(span.from), byId.get(span.to)];
      if (tension === undefined || a === undefined || b === undefined) continue;
      const { from, to } = tangentBetween(a, b);
      const middle: Vector3 = [(from.x + to.x) / 2, (from.y + to.y) / 2, 0];
      children.push(...this.#shader(names.span(span), { position: [0, 0, 0] }, tension));
      children.push(...this.#tag(`${span.from} → ${span.to}`, middle, tension, [tension]));
    }
    const margin = 2 * gaugeOf(layout);
    const xs = components.flatMap((c) => [c.x - c.radiusM, c.x + c.radiusM]);
    const ys = components.map((c) => c.y);
    const width = Math.max(...xs) - Math.min(...xs) + 2 * margin;
    const centre = {
      x: (Math.min(...xs) + Math.max(...xs)) / 2,
      y: (Math.min(...ys) + Math.max(...ys)) / 2,
      z: 0,
    };
    return this.#done(model, children, this.#camera(centre, width));
  }

  /** A scene around a model of one's own: what is bound has a tag, and a colour where it says so. */
  ofModel({ nodes, bounds }: OwnModel): BuiltScene {
    const model = this.#model();
    const children: number[] = [];
    const ofNode = new Map<string, { place: NodePlace; shown: Shown[] }>();
    for (const { element, variable, as } of this.#twin.picture?.bind ?? []) {
      const place = nodes.get(element);
      const shown = this.#find(variable);
      if (place === undefined || shown === undefined) continue;
      const known = ofNode.get(element) ?? { place, shown: [] };
      ofNode.set(element, known);
      if (!known.shown.includes(shown)) known.shown.push(shown);
      if (as === 'colour') children.push(...this.#shader(element, place, shown));
    }
    for (const [element, { place, shown }] of ofNode)
      children.push(...this.#tag(element, place.above, shown[0], shown));
    const [low, high] = [bounds.min, bounds.max];
    const centre = {
      x: (low[0] + high[0]) / 2,
      y: (low[1] + high[1]) / 2,
      z: (low[2] + high[2]) / 2,
    };
    // Panels are about twice as wide as high.
    const width = Math.max(high[0] - low[0], 2 * (high[1] - low[1]), high[2] - low[2]);
    return this.#done(model, children, this.#camera(centre, 1.2 * width, high[2] - centre.z));
  }

  #model(): number {
    const { modelUri: uri } = this.#options;
    return this.#add(this.#twin.name, { position: [0, 0, 0] }, [
      { type: 'ModelRef', uri, modelType: 'GLB', castShadow: true, receiveShadow: true },
    ]);
  }

  #done(model: number, children: number[], camera: number): BuiltScene {
    (this.#nodes[model] as SceneNode).children = children;
    const roots = [model, camera, ...this.#lights()];
    const document: SceneDocument = {
      specVersion: '1.0',
      version: '1',
      unit: 'meters',
      properties: {
        environmentPreset: 'neutral',
        dataBindingConfig: {
          fieldMapping: { entityId: [ENTITY_VARIABLE], componentName: [] },
          template: { [ENTITY_VARIABLE]: this.#options.entityId },
        },
      },
      nodes: this.#nodes,
      rootNodeIndexes: roots,
      cameras: [{ cameraType: 'Perspective', fov: FOV_DEGREES, near: 0.01, far: 1000 }],
      defaultCameraIndex: 0,
      rules: this.#rules,
    };
    return { document, skipped: [...this.#skipped] };
  }

  #find(variable: string | undefined): Shown | undefined {
    const shown = variable === undefined ? undefined : this.#shown.get(variable);
    if (shown === undefined || isPropertyName(shown.variable)) return shown;
    this.#skipped.add(shown.variable);
    return undefined;
  }

  #add(name: string, { position, rotation, scale }: Place, components: SceneComponent[]): number {
    const rounded = (vector: Vector3) =>
      vector.map((v) => Math.round(v * 1e4) / 1e4 + 0) as Vector3;
    const transform = {
      position: rounded(position),
      rotation: rounded(rotation ?? [0, 0, 0]),
      scale: rounded(scale ?? [1, 1, 1]),
    };
    const node = { name, transform, transformConstraint: {}, components, properties: {} };
    return this.#nodes.push(node) - 1;
  }

  /** Colours a part of the model by how near a quantity is to its limit. */
  #shader(part: string, place: Place, quantity: Shown | undefined): number[] {
    const beginsAtNothing = this.#twin.parameters.some(
      (p) => p.variable === quantity?.variable && p.lower === 0,
    );
    const rule = quantity === undefined ? undefined : colourRule(quantity, beginsAtNothing);
    if (quantity === undefined || rule === undefined) return [];
    return [
      this.#add(part, place, [
        { type: 'SubModelRef', selector: part },
        {
          type: 'ModelShader',
          valueDataBinding: bindingOf(quantity.variable),
          ruleBasedMapId: this.#rule(`colour ${quantity.variable}`, rule),
        },
      ]),
    ];
  }

  /** A tag that changes when a limit is passed for sure, and tells values when it is chosen. */
  #tag(
    name: string,
    position: Vector3,
    main: Shown | undefined,
    all: readonly (Shown | undefined)[],
  ): number[] {
    if (main === undefined) return [];
    const rule = tagRule(main);
    const quantities = all.filter((q) => q !== undefined);
    const bindings = quantities.flatMap((q) =>
      this.#valuesOf(q).map((property) => ({
        bindingName: property,
        valueDataBinding: bindingOf(property),
      })),
    );
    const rows = quantities.map((q) => {
      const [value, lower, upper] = this.#valuesOf(q).map((property) => `\${${property}}`);
      const band = upper === undefined ? '' : ` (95 %: ${lower} … ${upper})`;
      return `${q.variable}: ${value}${band} ${q.unit}`.trimEnd();
    });
    return [
      this.#add(name, { position }, [
        {
          type: 'Tag',
          icon: INFO_ICON,
          valueDataBinding: bindingOf(rule?.property ?? main.variable),
          ...(rule === undefined
            ? {}
            : { ruleBasedMapId: this.#rule(`tag ${main.variable}`, rule) }),
        },
        {
          type: 'DataOverlay',
          subType: 'OverlayPanel',
          dataRows: rows.map((content) => ({ rowType: 'Markdown', content })),
          valueDataBindings: bindings,
        },
      ]),
    ];
  }

  /** The properties that hold a quantity: what is estimated has its bounds too. */
  #valuesOf({ variable }: Shown): string[] {
    const measured = this.#twin.measured.some((m) => m.variable === variable);
    return measured ? [variable] : [variable, `${variable}_lower`, `${variable}_upper`];
  }

  #rule(id: string, { statements }: SceneDocument['rules'][string]): string {
    this.#rules[id] = { statements };
    return id;
  }

  /** Looks at the whole machine from the operator's side, a little from above. */
  #camera(centre: { x: number; y: number; z: number }, width: number, depth = 0): number {
    // Panels are about twice as wide as high.
    const distance = width / 4 / Math.tan((FOV_DEGREES * Math.PI) / 360);
    const pitch = -0.3;
    const position: Vector3 = [
      centre.x,
      centre.y - distance * Math.sin(pitch),
      centre.z + depth + distance * Math.cos(pitch),
    ];
    const place = { position, rotation: [pitch, 0, 0] as Vector3 };
    return this.#add('Camera', place, [{ type: 'Camera', cameraIndex: 0 }]);
  }

  #lights(): number[] {
    return [
      this.#add('Ambient light', { position: [0, 0, 0] }, [
        {
          type: 'Light',
          lightType: 'Ambient',
          lightSettings: { color: 0xffffff, intensity: 0.7 },
        },
      ]),
      this.#add('Sun', { position: [1, 3, 4] }, [
        {
          type: 'Light',
          lightType: 'Directional',
          lightSettings: { color: 0xffffff, intensity: 1.2, castShadow: false },
        },
      ]),
    ];
  }
}

function bindingOf(propertyName: string): ValueDataBinding {
  return {
    dataBindingContext: {
      entityId: `\${${ENTITY_VARIABLE}}`,
      componentName: TWIN_COMPONENT,
      propertyName,
    },
  };
}
