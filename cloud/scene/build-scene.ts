import type { TwinDefinition, TwinLayout } from '../../shared/config/index.js';
import { gaugeOf, type PartNames, partNames, tangentBetween } from '../../shared/scene/index.js';
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
 * A TwinMaker scene of a twin: the model, a camera, lights, a tag at every roller and span of web
 * with the values behind it, and rules that colour parts and change tags at their limits.
 *
 * @returns undefined when the twin has no layout
 */
export function buildScene(twin: TwinDefinition, options: SceneOptions): BuiltScene | undefined {
  return twin.layout === undefined
    ? undefined
    : new SceneBuilder(twin, twin.layout, options).build();
}

class SceneBuilder {
  readonly #twin: TwinDefinition;
  readonly #layout: TwinLayout;
  readonly #options: SceneOptions;
  readonly #names: PartNames;
  readonly #shown: ReadonlyMap<string, Shown>;
  readonly #nodes: SceneNode[] = [];
  readonly #rules: SceneDocument['rules'] = {};
  readonly #skipped = new Set<string>();

  constructor(twin: TwinDefinition, layout: TwinLayout, options: SceneOptions) {
    this.#twin = twin;
    this.#layout = layout;
    this.#options = options;
    this.#names = partNames(layout);
    const shown = [...twin.measured, ...twin.parameters, ...twin.virtualSensors];
    this.#shown = new Map(shown.map((s) => [s.variable, s]));
  }

  build(): BuiltScene {
    const { modelUri: uri, entityId } = this.#options;
    const { components, spans } = this.#layout;
    const model = this.#add(
      this.#twin.name,
      [0, 0, 0],
      [{ type: 'ModelRef', uri, modelType: 'GLB', castShadow: true, receiveShadow: true }],
    );
    const children: number[] = [];
    for (const c of components) {
      const name = this.#names.component(c.id);
      const drag = this.#find(c.drag);
      const speed = this.#find(c.speed);
      const above: Vector3 = [c.x, c.y + 1.8 * c.radiusM, 0];
      // A sub-model takes its node's place as its own, so it must be the one it has in the model.
      children.push(...this.#shader(name, [c.x, c.y, 0], drag));
      children.push(...this.#tag(c.id, above, drag ?? speed, [drag, speed, this.#find(c.slip)]));
    }
    const byId = new Map(components.map((c) => [c.id, c]));
    for (const span of spans) {
      const tension = this.#find(span.tension);
      const [a, b] = [byId.get(span.from), byId.get(span.to)];
      if (tension === undefined || a === undefined || b === undefined) continue;
      const { from, to } = tangentBetween(a, b);
      const middle: Vector3 = [(from.x + to.x) / 2, (from.y + to.y) / 2, 0];
      children.push(...this.#shader(this.#names.span(span), [0, 0, 0], tension));
      children.push(...this.#tag(`${span.from} → ${span.to}`, middle, tension, [tension]));
    }
    (this.#nodes[model] as SceneNode).children = children;
    const roots = [model, this.#camera(), ...this.#lights()];
    const document: SceneDocument = {
      specVersion: '1.0',
      version: '1',
      unit: 'meters',
      properties: {
        environmentPreset: 'neutral',
        dataBindingConfig: {
          fieldMapping: { entityId: [ENTITY_VARIABLE], componentName: [] },
          template: { [ENTITY_VARIABLE]: entityId },
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

  #add(name: string, position: Vector3, components: SceneComponent[], pitch = 0): number {
    const transform = {
      position: position.map((v) => Math.round(v * 1e4) / 1e4 + 0) as Vector3,
      rotation: [pitch, 0, 0] as Vector3,
      scale: [1, 1, 1] as Vector3,
    };
    const node = { name, transform, transformConstraint: {}, components, properties: {} };
    return this.#nodes.push(node) - 1;
  }

  /** Colours a part of the model by how near a quantity is to its limit. */
  #shader(part: string, position: Vector3, quantity: Shown | undefined): number[] {
    const beginsAtNothing = this.#twin.parameters.some(
      (p) => p.variable === quantity?.variable && p.lower === 0,
    );
    const rule = quantity === undefined ? undefined : colourRule(quantity, beginsAtNothing);
    if (quantity === undefined || rule === undefined) return [];
    return [
      this.#add(part, position, [
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
      this.#add(name, position, [
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
  #camera(): number {
    const { components } = this.#layout;
    const margin = 2 * gaugeOf(this.#layout);
    const xs = components.flatMap((c) => [c.x - c.radiusM, c.x + c.radiusM]);
    const ys = components.map((c) => c.y);
    const [left, right] = [Math.min(...xs) - margin, Math.max(...xs) + margin];
    const centre = { x: (left + right) / 2, y: (Math.min(...ys) + Math.max(...ys)) / 2 };
    // Panels are about twice as wide as high.
    const distance = (right - left) / 4 / Math.tan((FOV_DEGREES * Math.PI) / 360);
    const pitch = -0.3;
    const at: Vector3 = [
      centre.x,
      centre.y - distance * Math.sin(pitch),
      distance * Math.cos(pitch),
    ];
    return this.#add('Camera', at, [{ type: 'Camera', cameraIndex: 0 }], pitch);
  }

  #lights(): number[] {
    return [
      this.#add(
        'Ambient light',
        [0, 0, 0],
        [
          {
            type: 'Light',
            lightType: 'Ambient',
            lightSettings: { color: 0xffffff, intensity: 0.7 },
          },
        ],
      ),
      this.#add(
        'Sun',
        [1, 3, 4],
        [
          {
            type: 'Light',
            lightType: 'Directional',
            lightSettings: { color: 0xffffff, intensity: 1.2, castShadow: false },
          },
        ],
      ),
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
