"""Pieces of a script that train: the linear start, the loop, the saved model."""

from __future__ import annotations

from weitiao.exporting.script.pieces import Recipe, code, note
from weitiao.i18n.messages import _
from weitiao.training.linear_start import MAX_ROWS, STRENGTHS


def probing(recipe: Recipe) -> str:
    """The linear start: the output layer is fitted to features of the frozen network."""
    known = "\n                kept = targets != -100" if recipe.kind == "tags" else ""
    keep = "[kept]" if recipe.kind == "tags" else ""
    text = note(
        _(
            "6. The output layer is fitted first, to what the frozen network gives it (linear "
            "probing, Kumar et al. 2022): then the first steps do not bend a good network."
        )
    )
    return text + code(
        f'''
        def fit(x, y, strength):
            layer = nn.Linear(x.shape[1], OUTPUTS)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            search = torch.optim.LBFGS(layer.parameters(), max_iter=40, history_size=10,
                                       line_search_fn="strong_wolfe")

            def closure():
                search.zero_grad()
                penalty = layer.weight.pow(2).sum() * 0.5 / strength / y.numel()
                loss = loss_of(layer(x), y) + penalty
                loss.backward()
                return loss

            search.step(closure)
            return layer.requires_grad_(False)


        @torch.no_grad()
        def features(rows):
            """{_("What the output layer reads, and the labels.")}"""
            seen, x, y = [], [], []
            hook = output.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
            model.eval()
            for start in range(0, len(rows), BATCH_SIZE):
                inputs, targets = collate(rows[start : start + BATCH_SIZE]){known}
                logits_of(inputs)
                x.append(seen.pop().float().cpu(){keep})
                y.append(targets{keep})
            hook.remove()
            return torch.cat(x), torch.cat(y)


        x, y = features(random.sample(train, min({MAX_ROWS}, len(train))))
        mean, std = x.mean(0), x.std(0)
        std = std.clamp(min=0.2 * float(std.mean()) + 1e-6)
        x, held = (x - mean) / std, torch.arange(len(x)) % 4 == 0
        losses = {{}}  # by the strength of the penalty, on every fourth row
        for strength in {STRENGTHS}:
            layer = fit(x[~held], y[~held], strength)
            losses[strength] = float(loss_of(layer(x[held]), y[held]))
        layer = fit(x, y, min(losses, key=losses.get))
        with torch.no_grad():
            output.weight.copy_(layer.weight / std)
            output.bias.copy_(layer.bias - layer.weight / std @ mean)
        '''
    )


def looping(recipe: Recipe) -> str:
    """The training loop."""
    better = "<=" if recipe.lower_is_better else ">="
    worst = "math.inf" if recipe.lower_is_better else "-math.inf"
    start = "score(validation)" if recipe.linear_start else worst
    state = "copy.deepcopy(model.state_dict())" if recipe.linear_start else "None"
    text = note(_("7. The training loop; the best weights on validation are kept."))
    text += code(
        f"""
        loader = DataLoader(train, BATCH_SIZE, shuffle=True, collate_fn=collate)
        best, weights, step = {start}, {state}, 0
        """
    )
    text += "stale = 0\n" if recipe.patience else ""
    text += code(
        f"""
        for epoch in range(math.ceil(EPOCHS)):
            for inputs, labels in loader:
                if step == total{f" or stale == {recipe.patience}" if recipe.patience else ""}:
                    break
                model.train()
                loss = loss_of(logits_of(inputs), labels.to(DEVICE))
                loss.backward()
        """
    )
    if recipe.clips:
        text += " " * 8 + "nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)\n"
    text += code(
        """
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        step += 1
        if step * EVALUATIONS // total > (step - 1) * EVALUATIONS // total:
            value = score(validation)
            print(f"{epoch + 1}: {step}/{total} loss {loss.item():.4f} {METRIC} {value:.4f}")
        """,
        8,
    )
    if recipe.patience:
        text += code(f"stale = 0 if value {better[0]} best else stale + 1", 12)
    return text + code(
        f"""
        if value {better} best:
            best, weights = value, copy.deepcopy(model.state_dict())
        """,
        12,
    )


def ending(recipe: Recipe) -> str:
    """The metric of the best weights, saved as safetensors."""
    text = code(
        """
        model.load_state_dict(weights)
        print(json.dumps({"metric": METRIC, "validation": score(validation)}))
        """
    )
    if recipe.mean:
        return text + code(
            """
            OUT.mkdir(exist_ok=True)
            save_file({name: one.contiguous() for name, one in weights.items()},
                      OUT / "model.safetensors")
            tokenizer.save_pretrained(OUT)
            """
        )
    return text + "model.save_pretrained(OUT)\ntokenizer.save_pretrained(OUT)\n"
