from jvlgs_jax.cli.main import main


def test_a_missing_file_is_one_line_and_exit_code_2(tmp_path, capsys):
    assert main(["convert", str(tmp_path / "absent.pth"), "--output", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "absent.pth: no such file" in error
