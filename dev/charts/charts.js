// The plots of report.html and nothing else of Apache ECharts; `make charts` bundles it.
import { init, use, version } from "echarts/core";
import { BarChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import {
  GridSimpleComponent,
  LegendPlainComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapContinuousComponent,
} from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

use([
  LineChart, BarChart, HeatmapChart, ScatterChart, GridSimpleComponent, TooltipComponent,
  LegendPlainComponent, VisualMapContinuousComponent, MarkLineComponent, SVGRenderer,
]);
window.echarts = { init, version };
